/** A privacy statement in words: lines of what they are about and what they say. */
import type { MechanismSettings } from '../protocol/privacy-settings.ts';
import type { PrivacyStatement, PrivateStatement } from './statement.ts';

/** What a line is about, and the line. */
export type StatementLine = readonly [about: string, text: string];

/** The lines of a statement: facts first, then assumptions, then limits. */
export function statementLines(statement: PrivacyStatement): StatementLine[] {
  if (!statement.private)
    return [['privacy', 'none'], ...statement.limits.map((text): StatementLine => ['limit', text])];
  const { assumptions, limits, released, plan, build } = statement;
  return [
    ['hides', hiddenText(statement)],
    ['from', statement.adversary],
    ['epsilon', epsilonText(statement)],
    ...amplificationLine(statement),
    ...personLines(statement),
    ['budget', `ε ≤ ${statement.budget.epsilon} at δ = ${smallText(statement.budget.delta)}`],
    ['mechanism', mechanismText(statement)],
    ['rounds', roundsText(statement)],
    ...countsLine(statement),
    ['counted by', statement.accountant],
    ...released.map((text): StatementLine => ['released', text]),
    ...assumptions.map((text): StatementLine => ['assumes', text]),
    ...limits.map((text): StatementLine => ['limit', text]),
    ['plan', plan],
    ['build', build],
  ];
}

const relationTexts = {
  'add-remove': 'whether it is there',
  replace: 'whether it is this one or another one',
  'zero-out': 'what it contributes',
} as const;

/** "one record: whether it is there". */
export function hiddenText({ unit, relation }: Pick<MechanismSettings, 'unit' | 'relation'>): string {
  return `one ${unit}: ${relationTexts[relation]}`;
}

/** Three digits, never fewer than the truth; ∞ for null. */
export function epsilonFigure(epsilon: number | null): string {
  if (epsilon === null || epsilon === Number.POSITIVE_INFINITY) return '∞';
  if (epsilon === 0) return '0';
  const unit = 10 ** (Math.floor(Math.log10(epsilon)) - 2);
  // Against the last bit of the quotient: 3 is not 3.01.
  return String(Number((Math.ceil(epsilon / unit - 1e-9) * unit).toPrecision(3)));
}

/** Small numbers as 1e-5. */
export function smallText(value: number): string {
  return value < 1e-3 ? value.toExponential() : String(value);
}

const basisTexts = {
  released: 'the cost of what was released',
  planned: 'the cost of all rounds that were planned, for somebody who had seen models ended the run',
  limit: 'the limit that was kept: the noise followed what was released, so that no sum of it is a bound',
} as const;

function epsilonText({ epsilon, delta, word, basis }: PrivateStatement): string {
  return `${epsilonFigure(epsilon)} at δ = ${smallText(delta)} (${word}): ${basisTexts[basis]}`;
}

function amplificationLine({ samplingRate, epsilonWithoutAmplification }: PrivateStatement): StatementLine[] {
  if (samplingRate === 1)
    return [['sampling', 'none: everyone is in every sum, nothing rests on chance but the noise']];
  const without =
    epsilonWithoutAmplification === null ? 'not known' : `ε ${epsilonFigure(epsilonWithoutAmplification)}`;
  return [['sampling', `each row with probability ${samplingRate}, unseen by others; for whoever sees it: ${without}`]];
}

function personLines({ persons, recordsPerPerson }: PrivateStatement): StatementLine[] {
  if (persons.length === 0) return [];
  const figures = persons.map(({ records, epsilon }) => `${records}: ${epsilonFigure(epsilon)}`).join(', ');
  return [['person', `of several records, by their number (the task allows for ${recordsPerPerson}): ${figures}`]];
}

const placeTexts = {
  client: 'each client adds all of it',
  shared: 'the members of a group add a part each',
  coordinator: 'the coordinator adds it to the sum',
} as const;

function mechanismText({ mechanism, noiseAt, clip }: PrivateStatement): string {
  const bound = typeof clip === 'number' ? `clipped to ${clip}` : 'clipped to a bound that follows their norms';
  const what = mechanism === 'dp-sgd' ? `gradients of rows, ${bound}` : `updates, ${bound}`;
  return `${mechanism}: ${what}; discrete Gaussian noise, ${placeTexts[noiseAt]}`;
}

const endTexts = {
  rounds: '',
  budget: '; the budget ended the run',
  stopped: '; stopped',
} as const;

function roundsText({ rounds }: PrivateStatement): string {
  return `${rounds.released} of ${rounds.planned} released${endTexts[rounds.end]}`;
}

function countsLine({ countsEpsilon }: PrivateStatement): StatementLine[] {
  return countsEpsilon === null
    ? []
    : [['test rows', `counted once with noise: ε ${countsEpsilon} for each, beside the above`]];
}
