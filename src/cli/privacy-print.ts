/** What the privacy commands print for people. */
import { epsilonAssumptions, onlyCalculated, type Unit } from '../core/privacy/assumptions.ts';
import {
  type AmplifiedAnswers,
  type Answers,
  type EpsilonFigures,
  epsilonOverRounds,
  type NoisyRounds,
  type PrivacyReport,
} from '../core/privacy/report.ts';
import { type StatementLine, smallText } from '../core/privacy/statement-text.ts';
import { faint, printLine, strong, table } from './output.ts';
import { barsWithin, plotSize, printPlot } from './privacy-plot.ts';

/** One line of a table of ε. */
export type NamedFigures = readonly [name: string, figures: EpsilonFigures];

const heading = ['', 'ε', '', 'lower', 'upper', 'integral', 'RDP', 'Mironov'];

export function printEpsilonReport(plan: NoisyRounds, report: PrivacyReport, unit: Unit | null): void {
  const { noiseMultiplier, rounds, samplingRate, delta } = plan;
  printLine(strong(`noise ${noiseMultiplier}, ${counted(rounds)}, sampling ${samplingRate}, δ = ${smallText(delta)}`));
  printLine();
  printEpsilonTable(linesOf(report));
  const title = `ε over rounds (RDP${samplingRate < 1 ? ', sampling hidden' : ''})`;
  printPlot(title, epsilonOverRounds(plan, barsWithin(plotSize().width)));
  printLine();
  printBasis(unit, samplingRate);
}

function linesOf({ withAmplification, withoutAmplification }: PrivacyReport): NamedFigures[] {
  const without: NamedFigures = ['without amplification', withoutAmplification];
  return withAmplification === withoutAmplification ? [without] : [['sampling hidden', withAmplification], without];
}

export function printEpsilonTable(lines: readonly NamedFigures[]): void {
  printLine(table([heading, ...lines.map(([name, figures]) => row(name, figures))]));
  printLine(
    faint('ε, lower, upper: privacy loss distributions, the truth lies between; integral: a second way to it.'),
  );
  printLine(faint('RDP: what a budget is checked with, never too small. Mironov: older, to compare with published ε.'));
  printLine(faint('strong: ε ≤ 1; balanced; weak: ε > 10.'));
  if (lines.some(([, { rdp }]) => rdp.atEnd))
    printLine('RDP is best at an end of its orders here, so others could be closer; it is still a bound.');
  if (lines.some(([, { pld, integral }]) => pld === null || integral === null))
    printLine('–: cannot be computed for these values; the others hold.');
  if (lines.some(([, { agrees }]) => agrees === false))
    printLine('The integral does not agree with the bounds: do not use these figures, and report this as a defect.');
}

function row(name: string, { pld, rdp, integral, mironov, word }: EpsilonFigures): string[] {
  const bounds = pld === null ? ['–', '–'] : [outward(pld.lower, Math.floor), outward(pld.upper, Math.ceil)];
  return [
    name,
    threeDigits(pld?.upper ?? rdp.epsilon),
    word,
    ...bounds,
    integral === null ? '–' : outward(integral, Math.round),
    threeDigits(rdp.epsilon),
    threeDigits(mironov),
  ];
}

/** For a person; the bounds have more. */
function threeDigits(value: number): string {
  return value >= 1000 && Number.isFinite(value) ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** Four digits behind the point, or six digits of small numbers, rounded the way that keeps a bound one. */
function outward(value: number, round: (x: number) => number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const digits = value >= 0.1 ? 4 : 5 - Math.floor(Math.log10(value));
  return (round(value * 10 ** digits) / 10 ** digits).toFixed(digits);
}

/** Noise or rounds, as either accountant has them; `figure` writes one on the private side. */
export function printAnswers(
  title: string,
  { withAmplification, withoutAmplification }: AmplifiedAnswers,
  figure: (value: number) => string,
): void {
  const line = (name: string, { rdp, pld }: Answers) => [name, figure(rdp), pld === null ? '–' : figure(pld)];
  printLine(strong(title));
  printLine();
  printLine(
    table([
      ['', 'RDP', 'PLD'],
      ...(withAmplification === withoutAmplification ? [] : [line('sampling hidden', withAmplification)]),
      line('without amplification', withoutAmplification),
    ]),
  );
  printLine(
    faint('RDP: what a budget is checked with. PLD: privacy loss distributions, closer, by their upper bound.'),
  );
  printLine();
}

/** The assumptions and what is not built. */
export function printBasis(unit: Unit | null, samplingRate: number): void {
  printLine('This holds if:');
  for (const assumption of epsilonAssumptions(unit, samplingRate)) printLine(`- ${wrapped(assumption, 2)}`);
  printLine();
  printLine(strong(wrapped(onlyCalculated)));
}

/** Lines of what they are about and what they say, under a title; `about` stands once. */
export function printAbout(title: string, lines: readonly StatementLine[]): void {
  printLine(strong(title));
  let before = '';
  for (const [about, text] of lines) {
    printLine(`  ${(about === before ? '' : about).padEnd(10)}  ${wrapped(text, 14)}`);
    before = about;
  }
}

/** Broken between words before a hundred characters; further lines are indented. */
export function wrapped(text: string, indent = 0): string {
  const [first, ...words] = text.split(' ');
  let length = indent + first.length;
  return words.reduce((sum, word) => {
    const breaks = length + 1 + word.length > 96;
    length = breaks ? indent + word.length : length + 1 + word.length;
    return `${sum}${breaks ? `\n${' '.repeat(indent)}` : ' '}${word}`;
  }, first);
}

export function counted(rounds: number): string {
  return `${rounds} ${rounds === 1 ? 'round' : 'rounds'}`;
}
