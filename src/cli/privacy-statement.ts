/** `parley privacy statement` and `plan`: what a trained model's privacy is, and what a task's would be. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { decodeSafetensors } from '../core/bytes/safetensors.ts';
import { SafetensorsError } from '../core/bytes/safetensors-error.ts';
import { type Bounds, LossUnavailable } from '../core/privacy/composed-loss.ts';
import type { PrivacyEvent } from '../core/privacy/event.ts';
import { eventEpsilon } from '../core/privacy/event-rdp.ts';
import { parseStatement } from '../core/privacy/parse-statement.ts';
import { type Plan, planOfTask } from '../core/privacy/plan.ts';
import { plannedRuns, runsEvent, withoutSampling } from '../core/privacy/plan-cost.ts';
import { firstRounds } from '../core/privacy/plan-outlook.ts';
import { pldEpsilon } from '../core/privacy/pld.ts';
import type { PrivacyStatement } from '../core/privacy/statement.ts';
import { epsilonFigure, type StatementLine, smallText, statementLines } from '../core/privacy/statement-text.ts';
import { UserError } from '../core/protocol/problem.ts';
import { printJson, printLine, strong } from './output.ts';
import { barsWithin, plotLines } from './privacy-plot.ts';
import { wrapped } from './privacy-print.ts';
import { privacyFigures, privacyLines } from './privacy-task.ts';
import { readTaskFile } from './task-file.ts';

export function statementCommand(): Command {
  return new Command('statement')
    .description('the privacy statement in a trained model: what is hidden from whom, ε, assumptions, limits')
    .argument('<model>', 'model file (.safetensors)')
    .option('--json', 'print one JSON document')
    .action(statement);
}

export function planCommand(): Command {
  return new Command('plan')
    .description('what the rounds of a task will cost, with ε over rounds')
    .argument('<task>', 'task file (YAML)')
    .option('--json', 'print one JSON document')
    .action(plan);
}

function statement(path: string, { json }: { json?: true }): void {
  const found = readStatement(path);
  const lines = statementLines(found);
  if (!found.private) return json ? printJson(found) : printWhole(path, lines);
  const checks = recalculated(found);
  if (json) return printJson({ ...found, recalculated: checks });
  printWhole(path, [...lines, ...checkLines(checks, found.basis)]);
}

function readStatement(path: string): PrivacyStatement {
  let text: string | undefined;
  try {
    text = decodeSafetensors(readFileSync(path)).metadata.privacy;
  } catch (cause) {
    const what = cause instanceof SafetensorsError ? cause.message : `cannot be read (${codeOf(cause)})`;
    throw new UserError(path, what, 'Name a model that parley run has saved.', { cause });
  }
  if (text === undefined)
    throw new UserError(path, 'holds no privacy statement', 'Take it for a model that nothing is promised of.');
  try {
    return parseStatement(text);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError(
      path,
      'holds a privacy statement that cannot be read',
      'Take it for a model that nothing is promised of.',
      {
        cause,
      },
    );
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

function recalculated({ event, delta, epsilon, basis }: Extract<PrivacyStatement, { private: true }>): Recalculated {
  const rdp = eventEpsilon(event, delta).epsilon;
  const stated = epsilon ?? Number.POSITIVE_INFINITY;
  return {
    rdp: Number.isFinite(rdp) ? rdp : null,
    pld: closerBounds(event, delta),
    agrees: basis === 'released' ? stated >= rdp * (1 - 1e-9) : null,
  };
}

function closerBounds(event: PrivacyEvent, delta: number): Bounds | null {
  try {
    return pldEpsilon(event, delta);
  } catch (error) {
    if (error instanceof LossUnavailable) return null;
    throw error;
  }
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

/** Points of ε over rounds in the document. */
const pointsInDocument = 50;

function plan(path: string, { json }: { json?: true }): void {
  const task = readTaskFile(path);
  const found = planOfTask(task);
  if (found === null)
    throw new UserError(
      `${path}: privacy`,
      'is none: there is nothing to plan',
      'See docs/privacy.md for what to write.',
    );
  const { delta } = found.privacy;
  const event = runsEvent(found, plannedRuns(found));
  const pld = {
    withAmplification: closerBounds(event, delta),
    withoutAmplification: closerBounds(withoutSampling(event), delta),
  };
  if (json)
    return printJson({ ...privacyFigures(task), pld, overRounds: epsilonOverPlan(found, pointsInDocument), event });
  printWhole(path, privacyLines(task));
  if (pld.withAmplification !== null) {
    const text = `${epsilonFigure(pld.withAmplification.upper)} at δ = ${smallText(delta)} after all rounds, by privacy loss distributions: for reports, the budget is kept by RDP`;
    printLines([['closer', text]]);
  }
  printLine();
  const terminal = process.stdout.isTTY === true && process.env.TERM !== 'dumb';
  const width = terminal ? (process.stdout.columns ?? 80) : 72;
  printLine('ε over rounds (RDP)');
  for (const line of plotLines(epsilonOverPlan(found, barsWithin(width)), { width, height: 8, eighths: terminal }))
    printLine(line);
}

/** ε by RDP after at most so many numbers of rounds, evenly spread up to the last one. */
function epsilonOverPlan(found: Plan, points: number): { rounds: number; epsilon: number }[] {
  const runs = plannedRuns(found);
  const count = Math.min(points, found.rounds);
  return Array.from({ length: count }, (_, i) => {
    const rounds = Math.ceil(((i + 1) * found.rounds) / count);
    return { rounds, epsilon: eventEpsilon(runsEvent(found, firstRounds(runs, rounds)), found.privacy.delta).epsilon };
  });
}

function printWhole(path: string, lines: readonly StatementLine[]): void {
  printLine(strong(path));
  printLines(lines);
}

function printLines(lines: readonly StatementLine[]): void {
  let before = '';
  for (const [about, text] of lines) {
    printLine(`  ${(about === before ? '' : about).padEnd(10)}  ${wrapped(text, 14)}`);
    before = about;
  }
}
