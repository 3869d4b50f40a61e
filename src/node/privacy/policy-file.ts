/** Reading a client's privacy policy. What cannot be read allows nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMap, LineCounter, parseDocument } from 'yaml';
import { UserError } from '../../core/protocol/problem.ts';
import { issueLine, taskIssues } from '../../core/protocol/task-issue.ts';
import { systemCode } from '../storage/storage-failure.ts';
import { type PrivacyPolicy, policyFile, policySchema } from './policy.ts';

const remedy = 'Correct the file (docs/ledger.md), or remove it to allow every task; until then no task is taken.';

/** The policy in this home, or null where the file is missing. Throws UserError for one that is empty, damaged, or says what is unknown. */
export function readPolicy(home: string): PrivacyPolicy | null {
  const path = join(home, policyFile);
  const text = readText(path);
  if (text === null) return null;
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, strict: true, uniqueKeys: true, merge: false });
  const error = document.errors[0];
  if (error !== undefined) {
    const { line, col } = counter.linePos(error.pos[0]);
    throw new UserError(`${path}:${line}:${col}`, error.message.split('\n')[0], remedy);
  }
  if (document.contents === null) throw new UserError(path, 'is empty', remedy);
  const settings = aliasFree(() => document.toJS({ maxAliasCount: 0 }), path);
  if (!isMap(document.contents)) throw new UserError(path, 'holds no settings', remedy);
  const parsed = policySchema.safeParse(settings, { reportInput: true });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap(issue => taskIssues(issue, policySchema, settings)).map(issueLine);
  throw new UserError(path, issues.join(`\nparley: ${path}: `), remedy);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return null;
    throw new UserError(path, 'cannot be read', remedy, { cause });
  }
}

function aliasFree(read: () => unknown, path: string): unknown {
  try {
    return read();
  } catch (cause) {
    throw new UserError(path, 'uses a YAML alias', 'Write the value out.', { cause });
  }
}
