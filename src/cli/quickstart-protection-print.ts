/** What the quickstart says of protection by groups: what the coordinator saw, that the sum is exact, and what a drop-out cost. */
import { faint, printLine, strong } from './output.ts';
import { bins, type Histogram, histogramLines } from './quickstart-histogram.ts';
import type { ProtectionShown } from './quickstart-protection.ts';

/** Two updates are the same to people below this. */
const exact = 1e-4;

export function printProtection(shown: ProtectionShown): void {
  const { site, rounds, values, clear, masked, isRepeated, largestDifference } = shown;
  printLine(strong('What the coordinator saw of one clinic'));
  printLine(
    `How often each size of number occurs in what ${site} sent: ${rounds} updates of ${values} values, 32 bits each.`,
  );
  printLine();
  for (const [i, line] of histogramLines(clear.counts).entries())
    printLine(`  ${line}  ${i === 0 ? `before masking, at ${site}:` : inMiddle(clear)}`);
  printLine(`  ${'─'.repeat(2 * bins)}`);
  for (const [i, line] of histogramLines(masked.counts).entries())
    printLine(`  ${line}  ${i === 0 ? 'masked, as the coordinator stored it:' : uniformText(masked)}`);
  printLine();
  printLine(
    `Only the sum of all clinics opens, and it is exact: the model differs by ${largestDifference.toExponential(1)} at most from that of a run`,
  );
  printLine(
    `in which the coordinator sees every update (protection: inspect)${largestDifference <= exact ? '.' : ', which is too much.'}`,
  );
  printLine();
  printDropOut(shown);
  printLine();
  const repeated = isRepeated
    ? 'which gave the same models, bit for bit, until the drop-out'
    : 'which gave other models: clinics came late or left';
  printLine(faint(`Looked at in a repetition of the run in one process, ${repeated}.`));
}

function inMiddle({ counts }: Histogram): string {
  const middle = counts[bins / 2 - 1] + counts[bins / 2];
  const all = counts.reduce((sum, count) => sum + count, 0);
  return middle === all ? 'all values are close to 0' : `${middle} of ${all} values are close to 0`;
}

function uniformText({ uniformP }: Histogram): string {
  return `no pattern (χ² test: random numbers are as uneven as these with p = ${uniformP.toFixed(3)})`;
}

function printDropOut({ dropOut }: ProtectionShown): void {
  const { site, round, outcome, survivors, shares, masks, openingCpuMs, openingBytes, waitedMs } = dropOut;
  printLine(strong('What a drop-out cost'));
  if (outcome === 'void') return printLine(`${site} vanished in round ${round}, and too few clinics were left.`);
  const bytes = survivors.length * (openingBytes.withDropOut - openingBytes.without);
  printLine(
    `In round ${round} ${site} vanished: it had dealt shares of its keys, and not yet sent its update. The sum of the other ${survivors.length} opened all the same.`,
  );
  const lines = [
    ['shares', `${shares} of a key of ${site}, in place of ${shares} that nobody needs any more: ${bytes} bytes more`],
    ['masks', `${masks.withDropOut} taken off the sum; without a drop-out ${masks.without}`],
    [
      'work',
      `${openingCpuMs.withDropOut.toFixed(1)} ms of CPU to open the sum; without a drop-out ${openingCpuMs.without.toFixed(1)} ms`,
    ],
    ['waiting', `${(waitedMs / 1000).toFixed(0)} s until the coordinator gave ${site} up (protection.stepSeconds)`],
  ];
  for (const [what, text] of lines) printLine(`  ${what.padEnd(8)} ${text}`);
}
