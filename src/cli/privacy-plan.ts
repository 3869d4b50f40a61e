/** `parley privacy plan`: what the rounds of a task will cost, and the noise that keeps them within another budget. */
import { Command } from 'commander';
import { type Plan, planOfTask } from '../core/privacy/plan.ts';
import { privacyWord } from '../core/privacy/report.ts';
import { epsilonFigure, type StatementLine, smallText } from '../core/privacy/statement-text.ts';
import { UserError } from '../core/protocol/problem.ts';
import { withAccountant } from './accountant.ts';
import { printJson, printLine, strong } from './output.ts';
import { epsilonOption } from './privacy-options.ts';
import { barsWithin, plotSize, pointsInDocument, printPlot } from './privacy-plot.ts';
import { printAbout, wrapped } from './privacy-print.ts';
import { planFigures, planLines } from './privacy-task.ts';
import { readTaskFile } from './task-file.ts';

export function planCommand(): Command {
  return new Command('plan')
    .description('what the rounds of a task will cost, with ε over rounds')
    .argument('<task>', 'task file (YAML)')
    .addOption(epsilonOption('instead: what to write so that all rounds of this task stay within ε'))
    .option('--json', 'print one JSON document')
    .action(plan);
}

async function plan(path: string, { epsilon, json }: { epsilon?: number; json?: true }): Promise<void> {
  const found = planOfTask(readTaskFile(path));
  if (found === null)
    throw new UserError(
      `${path}: privacy`,
      'is none: there is nothing to plan',
      'See docs/privacy.md for what to write.',
    );
  return epsilon === undefined ? planned(path, found, json === true) : fitted(path, found, epsilon, json === true);
}

async function planned(path: string, found: Plan, json: boolean): Promise<void> {
  const points = json ? pointsInDocument : barsWithin(plotSize().width);
  const report = await withAccountant(accountant => accountant.ask('planReport', { plan: found, points }));
  const { outlook, pld, overRounds, event } = report;
  if (json) return printJson({ ...planFigures(found, outlook), pld, overRounds, event });
  const closer: StatementLine[] =
    pld.withAmplification === null
      ? []
      : [
          [
            'closer',
            `${epsilonFigure(pld.withAmplification.upper)} at δ = ${smallText(found.privacy.delta)} after all rounds, by privacy loss distributions: for reports, the budget is kept by RDP`,
          ],
        ];
  printAbout(path, [...planLines(found, outlook), ...closer]);
  printPlot('ε over rounds (RDP)', overRounds);
}

async function fitted(path: string, found: Plan, epsilon: number, json: boolean): Promise<void> {
  const noiseMultiplier = await noiseWithin(path, found, epsilon);
  const privacy = { noiseMultiplier, budget: { epsilon }, profile: privacyWord(epsilon) };
  const { delta } = found.privacy;
  if (json) return printJson({ task: path, rounds: found.rounds, delta, privacy });
  printLine(strong(path));
  printLine(`All ${found.rounds} rounds stay within ε ${epsilon} at δ = ${smallText(delta)}, rounding included, with`);
  printLine();
  printLine('privacy:');
  printLine(`  noiseMultiplier: ${noiseMultiplier}`);
  printLine(`  budget: { epsilon: ${epsilon} }`);
  printLine(`  profile: ${privacy.profile}`);
  printLine();
  printLine(wrapped('Everything else of the block stays as it is. Look at it once more: parley task check'));
}

async function noiseWithin(path: string, found: Plan, epsilon: number): Promise<number> {
  try {
    return await withAccountant(accountant => accountant.ask('leastPlannedNoise', { plan: found, epsilon }));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const remedy =
      found.privacy.schedule.kind === 'uniform'
        ? 'Allow a larger ε or δ, fewer rounds, or a smaller model.'
        : 'Use schedule {kind: uniform}, or a larger schedule.least.';
    throw new UserError(`${path}: privacy.noiseMultiplier`, cause.message, remedy, { cause });
  }
}
