/** The options of the privacy commands, read once, each refusal with what to give instead. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Unit, units } from '../core/privacy/assumptions.ts';
import { mostRounds } from '../core/privacy/report.ts';

export interface PlanOptions {
  readonly delta: number;
  readonly sampling: number;
  readonly unit?: Unit;
  readonly json?: true;
}

/** Less noise than this protects nothing, more drowns every model. */
const [leastNoise, greatestNoise] = [0.1, 1e6];
const [leastEpsilon, greatestEpsilon] = [1e-3, 1e3];

export function withNoise(command: Command): Command {
  return command.requiredOption(
    '--noise <z>',
    'noise multiplier: standard deviation of the noise over the clip bound',
    numberFrom(leastNoise, greatestNoise, 'Without noise there is no ε; above 1 is usual.'),
  );
}

export function withEpsilon(command: Command): Command {
  return command.addOption(epsilonOption('the budget: strong up to 1, weak above 10').makeOptionMandatory());
}

export function epsilonOption(description: string): Option {
  const hint = 'Up to 1 is strong protection, above 10 weak.';
  return new Option('--epsilon <ε>', description).argParser(numberFrom(leastEpsilon, greatestEpsilon, hint));
}

export function withRounds(command: Command): Command {
  return command.requiredOption('--rounds <T>', 'rounds (or steps), each with fresh noise', text => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= 1 && value <= mostRounds) return value;
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${mostRounds}.`);
  });
}

/** δ, sampling, unit and --json: what every one of the commands takes. */
export function withPlan(command: Command): Command {
  return command
    .requiredOption(
      '--sampling <q>',
      'probability with which a unit is in a round; 1: always, or the adversary knows who is',
      share('Expected a share above 0 and at most 1: 0.3 for three in ten, 1 for all.', value => value <= 1),
    )
    .requiredOption(
      '--delta <δ>',
      'chance that ε does not hold; less than 1 over the number of units',
      share('Expected a number above 0 and below 1, less than 1 over the number of units: 1e-5.', value => value < 1),
    )
    .addOption(new Option('--unit <unit>', 'whose presence is hidden').choices(units))
    .option('--json', 'print one JSON document');
}

function share(expected: string, allowed: (value: number) => boolean): (text: string) => number {
  return text => {
    const value = numberOf(text);
    if (value > 0 && allowed(value)) return value;
    throw new InvalidArgumentError(expected);
  };
}

function numberFrom(least: number, greatest: number, hint: string): (text: string) => number {
  return text => {
    const value = numberOf(text);
    if (value >= least && value <= greatest) return value;
    throw new InvalidArgumentError(`Expected a number from ${least} to ${greatest}. ${hint}`);
  };
}

/** NaN for what is no decimal number. */
function numberOf(text: string): number {
  return /^\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
}
