/** What `parley groups advise` prints. */
import { stringify } from 'yaml';
import { defaultHonest, type GroupAdvice, type GroupChoice } from '../core/secagg/advise.ts';
import { faint, printLine, strong, table } from './output.ts';

/** A deal that leaves a group open is to be rarer than this. */
const mostLeak = 0.01;

export function printGroupAdvice({ question, choices, breaches }: GroupAdvice): void {
  const { clients, colluders } = question;
  printLine(strong(`a cohort of ${clients} ${clients === 1 ? 'client' : 'clients'}`));
  if (choices.length > 0) {
    const leaks = colluders.map(count => `leak at ${count}`);
    const heading = ['size', 'groups', 't/c/least', 'drop-outs', 'hidden among', 'f median/krum', ...leaks, 'upload'];
    printLine();
    printLine(table([heading, ...choices.map(rowOf)]));
    printLine();
    printLegend(choices);
  }
  for (const { message, remedy } of breaches) {
    printLine();
    printLine(message);
    printLine(`→ ${remedy}`);
  }
  printRecommendation(choices, question.bear);
}

function rowOf(choice: GroupChoice): string[] {
  const { groups, thresholds, dropouts, privacySet, liars, leaks, uploadShare } = choice;
  const { t, colluders, least } = thresholds;
  return [
    sizesOf(choice),
    String(groups),
    `${t}/${colluders}/${least}`,
    String(dropouts),
    String(privacySet),
    `${liars.median}/${liars.krum}`,
    ...leaks.map(({ probability }) => probabilityText(probability)),
    `+${percent(uploadShare)}`,
  ];
}

function sizesOf({ smallest, largest }: GroupChoice): string {
  return smallest === largest ? String(smallest) : `${smallest}–${largest}`;
}

function printLegend(choices: readonly GroupChoice[]): void {
  const lines = [
    't: members whose shares open a sum; c: colluders that a group bears; least: with fewer members left, no sum',
    'drop-outs: how many any group can lose; hidden among: honest inputs in every sum, at the least',
    'f: liars that the rule bears over the group means, where each liar spoils one group',
    'leak at k: probability that a deal gives some group more than c of k colluders',
    'upload: bytes beyond the update itself at 4 bytes per value',
  ];
  if (choices.some(({ thresholds }) => thresholds.honest < defaultHonest))
    lines.push(`sums of fewer than ${defaultHonest} honest inputs: every site has to allow them in its own policy`);
  for (const line of lines) printLine(faint(line));
}

function printRecommendation(choices: readonly GroupChoice[], bear: number | null): void {
  if (choices.length === 0) return;
  const best = choices.find(
    ({ dropouts, leaks }) => dropouts > 0 && leaks.every(({ probability }) => probability < mostLeak),
  );
  printLine();
  if (best === undefined) {
    printLine('No size here bears a drop-out and leaks in fewer than one deal of a hundred.');
    printLine('→ Compare larger groups (--size), have more clients, or expect and bear fewer colluders:');
    printLine('  --colluders 0 --bear 0 is right where nobody but the coordinator is curious.');
    return;
  }
  const { size, groups, thresholds } = best;
  const isAlone = groups === 1;
  const protection = {
    kind: 'group',
    size,
    ...(thresholds.honest === defaultHonest ? {} : { honest: thresholds.honest }),
    ...(bear === null ? {} : { colluders: bear }),
    ...(isAlone ? {} : { coin: ['client-a', 'client-b', 'client-c'] }),
  };
  printLine('The smallest that bears a drop-out and leaks in fewer than one deal of a hundred:');
  printLine(stringify({ protection }, { flowCollectionPadding: false }).trimEnd().replace(/^/gm, '  '));
  if (!isAlone) printLine('→ coin: 3 to 7 clients that do not all work with the coordinator; they deal the groups.');
  if (isAlone) printLine('→ One group: the coordinator sees the mean of all, and no rule can tell a liar.');
}

/** Whole per cents, one digit below one per cent, a power of ten below a thousandth. */
function probabilityText(probability: number): string {
  if (probability === 0) return '0';
  return probability < 0.001 ? probability.toExponential(0) : percent(probability);
}

function percent(share: number): string {
  const value = 100 * share;
  return `${value >= 1 ? Math.round(value) : Number(value.toPrecision(1))} %`;
}
