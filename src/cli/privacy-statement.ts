/** `parley privacy statement`: what a trained model says of the privacy it was trained with, calculated anew. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { SafetensorsError } from '../core/bytes/safetensors-error.ts';
import type { Bounds } from '../core/privacy/composed-loss.ts';
import { parseStatement } from '../core/privacy/parse-statement.ts';
import type { PrivacyStatement, PrivateStatement } from '../core/privacy/statement.ts';
import { epsilonFigure, type StatementLine, statementLines } from '../core/privacy/statement-text.ts';
import { UserError } from '../core/protocol/problem.ts';
import { withAccountant } from './accountant.ts';
import { printJson } from './output.ts';
import { printAbout } from './privacy-print.ts';

/** It says less than was released. */
const exitUnderstated = 1;

export function statementCommand(): Command {
  return new Command('statement')
    .description('the privacy statement in a trained model: what is hidden from whom, ε, assumptions, limits')
    .argument('<model>', 'model file (.safetensors)')
    .option('--json', 'print one JSON document')
    .addHelpText('after', '\nExits with 1 when what was released costs more than is stated.')
    .action(statement);
}

async function statement(path: string, { json }: { json?: true }): Promise<void> {
  const found = readStatement(path);
  const lines = statementLines(found);
  if (!found.private) return json ? printJson(found) : printAbout(path, lines);
  const checks = await recalculated(found);
  if (checks.agrees === false) process.exitCode = exitUnderstated;
  if (json) return printJson({ ...found, recalculated: checks });
  printAbout(path, [...lines, ...checkLines(checks, found.basis)]);
}

const unpromised = 'Take it for a model that nothing is promised of.';

function readStatement(path: string): PrivacyStatement {
  let text: string | undefined;
  try {
    text = decodeSafetensors(readFileSync(path)).metadata.privacy;
  } catch (cause) {
    const what = cause instanceof SafetensorsError ? cause.message : `cannot be read (${codeOf(cause)})`;
    throw new UserError(path, what, 'Name a model that parley run has saved.', { cause });
  }
  if (text === undefined) throw new UserError(path, 'holds no privacy statement', unpromised);
  try {
    return parseStatement(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError(path, 'holds a privacy statement that cannot be read', unpromised, { cause });
  }
}

function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException).code ?? String(cause);
}

/** ε of the event that the statement names, calculated here: whoever wrote the statement may have erred. */
interface Recalculated {
  readonly rdp: number | null;
  readonly pld: Bounds | null;
  /** Whether the stated ε is no less than it is here; null where it is a limit, or of rounds that were not released. */
  readonly agrees: boolean | null;
}

async function recalculated({ event, delta, epsilon, basis }: PrivateStatement): Promise<Recalculated> {
  const { rdp, pld } = await withAccountant(accountant => accountant.ask('eventReport', { event, delta }));
  const stated = epsilon ?? Number.POSITIVE_INFINITY;
  return {
    rdp: Number.isFinite(rdp) ? rdp : null,
    pld,
    agrees: basis === 'released' ? stated >= rdp * (1 - 1e-9) : null,
  };
}

const checkTexts = {
  released: 'of what was released',
  planned: 'of what was released, which is no bound here',
  limit: 'as if the noise had not followed releases, which is no bound here',
} as const;

function checkLines({ rdp, pld, agrees }: Recalculated, basis: keyof typeof checkTexts): StatementLine[] {
  const closer = pld === null ? '' : `; by privacy loss distributions, closer, ${epsilonFigure(pld.upper)}`;
  const verdict = agrees === false ? ' — MORE THAN IS STATED: do not rely on this statement' : '';
  return [['calculated', `here, ${checkTexts[basis]}: ${epsilonFigure(rdp)}${closer}${verdict}`]];
}
