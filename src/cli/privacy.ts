/** `parley privacy`: what differential privacy costs, what a task plans, what a model states. */
import { Command } from 'commander';
import { epsilonAssumptions, onlyCalculated, type Unit } from '../core/privacy/assumptions.ts';
import { publicRecipe, recipeReadings } from '../core/privacy/public-recipe.ts';
import { type AmplifiedAnswers, epsilonOverRounds, mostRounds } from '../core/privacy/report.ts';
import { smallText } from '../core/privacy/statement-text.ts';
import { UserError } from '../core/protocol/problem.ts';
import type { Questions } from '../node/privacy/accountant-request.ts';
import { withAccountant } from './accountant.ts';
import { printJson, printLine, strong } from './output.ts';
import { auditCommand } from './privacy-audit.ts';
import { addLedgerCommand } from './privacy-ledger.ts';
import { type PlanOptions, withEpsilon, withNoise, withPlan, withRounds } from './privacy-options.ts';
import { planCommand } from './privacy-plan.ts';
import { pointsInDocument } from './privacy-plot.ts';
import { counted, printAnswers, printBasis, printEpsilonReport, printEpsilonTable, wrapped } from './privacy-print.ts';
import { statementCommand } from './privacy-statement.ts';

export function privacyCommand(): Command {
  const command = new Command('privacy').description(
    'what differential privacy costs, what a task plans, what a model states: docs/privacy.md',
  );
  withPlan(withRounds(withNoise(command.command('epsilon'))))
    .description('ε of so many noisy rounds, with a lower and an upper bound, with and without sampling')
    .action(epsilon);
  withPlan(withRounds(withEpsilon(command.command('noise'))))
    .description('the least noise that keeps the rounds within ε')
    .addHelpText('after', '\nFor a task, with its rounding and schedule: parley privacy plan TASK --epsilon E')
    .action(noise);
  withPlan(withNoise(withEpsilon(command.command('rounds'))))
    .description('how many rounds stay within ε')
    .action(rounds);
  command
    .command('recipe')
    .description('the ε that a much-copied public recipe really gives')
    .option('--json', 'print one JSON document')
    .action(recipe);
  command.addCommand(planCommand());
  command.addCommand(statementCommand());
  addLedgerCommand(command);
  command.addCommand(auditCommand());
  return command;
}

async function epsilon(options: PlanOptions & { noise: number; rounds: number }): Promise<void> {
  const { noise: noiseMultiplier, rounds: count, sampling: samplingRate, delta, unit = null } = options;
  const plan = { noiseMultiplier, rounds: count, samplingRate, delta };
  const report = await withAccountant(accountant => accountant.ask('report', plan));
  if (!options.json) return printEpsilonReport(plan, report, unit);
  const overRounds = epsilonOverRounds(plan, pointsInDocument);
  printJson({ settings: { ...plan, ...relationOf(unit) }, ...report, overRounds, ...basisOf(unit, samplingRate) });
}

async function noise(options: PlanOptions & { epsilon: number; rounds: number }): Promise<void> {
  const { epsilon: budget, rounds: count, sampling: samplingRate, delta, unit = null } = options;
  const plan = { epsilon: budget, rounds: count, samplingRate, delta };
  const found = await noiseWithin(plan);
  if (options.json) return printFound(plan, { noiseMultiplier: found }, unit);
  printAnswers(
    `noise for ε ≤ ${budget} at δ = ${smallText(delta)} after ${counted(count)}, sampling ${samplingRate}`,
    found,
    // Up, so that what is written keeps the budget.
    value => (Math.ceil(value * 1e4) / 1e4).toFixed(4),
  );
  printBasis(unit, samplingRate);
}

async function noiseWithin(plan: Questions['noise']['ask']): Promise<AmplifiedAnswers> {
  try {
    return await withAccountant(accountant => accountant.ask('noise', plan));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new UserError('--epsilon', cause.message, 'Allow a larger ε or δ, or fewer rounds.', { cause });
  }
}

async function rounds(options: PlanOptions & { epsilon: number; noise: number }): Promise<void> {
  const { epsilon: budget, noise: noiseMultiplier, sampling: samplingRate, delta, unit = null } = options;
  const plan = { epsilon: budget, noiseMultiplier, samplingRate, delta };
  const found = await withAccountant(accountant => accountant.ask('rounds', plan));
  if (options.json) return printFound(plan, { rounds: found, mostRounds }, unit);
  printAnswers(
    `rounds within ε ≤ ${budget} at δ = ${smallText(delta)} with noise ${noiseMultiplier}, sampling ${samplingRate}`,
    found,
    String,
  );
  if (found.withAmplification.rdp === 0)
    printLine('→ 0: not even one round; more noise is needed: parley privacy noise');
  if (found.withAmplification.rdp === mostRounds) printLine(`${mostRounds} stands for so many or more.`);
  printBasis(unit, samplingRate);
}

async function recipe({ json }: { json?: true }): Promise<void> {
  const readings = await withAccountant(accountant =>
    Promise.all(
      recipeReadings().map(async ({ reading, plan }) => {
        const { withAmplification: figures } = await accountant.ask('report', plan);
        return { reading, plan, figures };
      }),
    ),
  );
  const { fraction, leastCohort, leastPresent, sampledClients, noiseMultiplier, rounds: count, delta } = publicRecipe;
  if (json) return printJson({ recipe: publicRecipe, readings, limits: [weights, onlyCalculated] });
  printLine(
    strong(
      `fraction ${fraction}, at least ${leastCohort} of ${leastPresent} clients, ${count} rounds, noise ${noiseMultiplier}, ` +
        `${sampledClients} sampled clients, δ = ${smallText(delta)}`,
    ),
  );
  printLine();
  printEpsilonTable(readings.map(({ reading, figures }) => [reading, figures]));
  printLine();
  printLine(wrapped(weights));
  printLine(wrapped(onlyCalculated));
}

const weights =
  'The first three suppose equal weights. The recipe weighs by what clients report, which nothing bounds: the last one.';

function printFound(plan: { readonly samplingRate: number }, found: object, unit: Unit | null): void {
  printJson({ settings: { ...plan, ...relationOf(unit) }, ...found, ...basisOf(unit, plan.samplingRate) });
}

function relationOf(unit: Unit | null) {
  return { unit, relation: 'add-remove' };
}

function basisOf(unit: Unit | null, samplingRate: number) {
  return { assumptions: epsilonAssumptions(unit, samplingRate), limits: [onlyCalculated] };
}
