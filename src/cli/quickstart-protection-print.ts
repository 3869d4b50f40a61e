/** What the quickstart says of protection by groups: what the coordinator saw, that the sum is exact, and what a drop-out cost. */
import { faint, printLine, strong } from './output.ts';
import { bins, type Histogram, histogramLines } from './quickstart-histogram.ts';
import type { ProtectionShown } from './quickstart-protection.ts';

/** Two updates are the same to people below this. */
const exact = 1e-4;

/** @param stepSeconds how long the task lets the coordinator wait for a site that has vanished. */
export function printProtection(shown: ProtectionShown, stepSeconds: number): void {
  const { site, rounds, values, clear, masked, isRepeated, largestDifference } = shown;
  printLine(strong('What the coordinator saw of one clinic'));
  printLine(
    `${rounds * values} numbers of 32 bits: the updates of ${site} in ${rounds} rounds, ${values} values each, from the lowest number to the highest.`,
  );
  printLine();
  for (const [i, line] of histogramLines(clear.counts).entries())
    printLine(`  ${line}  ${i === 0 ? `before masking, as ${site} holds them:` : inMiddle(clear)}`);
  printLine(`  ${'─'.repeat(2 * bins)}`);
  for (const [i, line] of histogramLines(masked.counts).entries())
    printLine(`  ${line}  ${i === 0 ? 'masked, as the coordinator has stored them:' : uniformText(masked)}`);
  printLine();
  printLine(
    `Only the sum of all clinics opens, and it is exact: the model differs by ${largestDifference.toExponential(1)} at most from that of a run`,
  );
  printLine(
    `in which the coordinator sees every update (protection: inspect)${largestDifference <= exact ? '.' : ', which is too much.'}`,
  );
  printLine();
  printDropOut(shown, stepSeconds);
  printLine();
  const repeated = isRepeated
    ? 'which gave the same models, bit for bit, until the drop-out'
    : 'which gave other models: clinics came late or left';
  printLine(faint(`Both are looked at in a repetition of the run in one process, ${repeated}.`));
}

function inMiddle({ counts }: Histogram): string {
  const middle = counts[bins / 2 - 1] + counts[bins / 2];
  const all = counts.reduce((sum, count) => sum + count, 0);
  return middle === all ? 'all are close to 0' : `${middle} of ${all} are close to 0`;
}

function uniformText({ uniformP }: Histogram): string {
  return `nothing to see: truly random ones are as uneven as this with probability ${uniformP < 0.001 ? 'below 0.001' : uniformP.toFixed(3)}`;
}

function printDropOut({ dropOut }: ProtectionShown, stepSeconds: number): void {
  const { site, round, outcome, survivors, shares, masks, openingMs, openingBytes, waitedMs } = dropOut;
  printLine(strong('What a drop-out cost'));
  if (outcome === 'void') return printLine(`${site} vanished in round ${round}, and too few clinics were left.`);
  const seconds = (waitedMs / 1000).toFixed(0);
  const bytes = openingBytes.withDropOut - openingBytes.without;
  const milliseconds = openingMs.withDropOut - openingMs.without;
  printLine(
    `${site} vanished in round ${round}, after it had masked nothing yet but dealt shares of its keys. The sum of the other ${survivors.length} was opened all the same:`,
  );
  printLine(
    `  shares   ${shares} of a key of ${site}, in place of as many others: ${bytes === 0 ? 'no byte more' : `${bytes} bytes more`} from each of the others`,
  );
  printLine(`  masks    ${masks.withDropOut} taken off the sum, ${masks.without} without a drop-out`);
  printLine(
    `  time     ${openingMs.withDropOut.toFixed(1)} ms to open the sum, ${openingMs.without.toFixed(1)} ms without (${milliseconds < 0 ? '−' : '+'}${Math.abs(milliseconds).toFixed(1)} ms), after waiting ${seconds} s for ${site} (protection.stepSeconds: ${stepSeconds})`,
  );
}
