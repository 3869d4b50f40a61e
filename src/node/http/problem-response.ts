/** Problems as RFC 9457 bodies: what a peer reads of a refusal, and how our own side reads it back. */
import { Problem, type ProblemCode, problems } from '../../core/protocol/problem.ts';

export const problemMediaType = 'application/problem+json';

export interface ProblemBody {
  /** `urn:parley:problem:<code>`. */
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly remedy: string;
}

/** The body of a refusal. The detail of the problem is not in it: that stays in our log. */
export function problemBody(problem: Problem): ProblemBody {
  return problemBodyOf(problem.code);
}

function problemBodyOf(code: ProblemCode): ProblemBody {
  const [status, title, remedy] = problems[code];
  return { type: `urn:parley:problem:${code}`, title, status, code, remedy };
}

/** The code that a peer's problem document names, or null when it names none of our table. Everything else in it is ignored. */
export function parseProblemCode(body: Uint8Array | string): ProblemCode | null {
  try {
    const value: unknown = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body));
    if (typeof value !== 'object' || value === null || !('code' in value) || typeof value.code !== 'string')
      return null;
    // hasOwn proves that the text is a key of the table.
    return Object.hasOwn(problems, value.code) ? (value.code as ProblemCode) : null;
  } catch {
    return null;
  }
}

/**
 * What to answer for anything that was thrown while a request was served: a Problem as it is; a refusal of the HTTP framework
 * (an error with a 4xx `statusCode`) by its nearest code; a full disk as `storage-full`; everything else is `internal`.
 */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { statusCode, code, errcode } = (typeof error === 'object' && error !== null ? error : {}) as Record<
    string,
    unknown
  >;
  if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === sqliteFull)
    return new Problem('storage-full', '', { cause: error });
  if (typeof statusCode !== 'number' || statusCode < 400 || statusCode > 499) {
    return new Problem('internal', error instanceof Error ? error.message : String(error), { cause: error });
  }
  const known: Record<number, ProblemCode> = { 404: 'not-found', 408: 'too-slow', 413: 'too-large', 429: 'too-many' };
  return new Problem(known[statusCode] ?? 'bad-request', error instanceof Error ? error.message : '', { cause: error });
}

/** SQLITE_FULL, as node:sqlite reports it in `errcode`. */
const sqliteFull = 13;
