/** What the coordinator sees under the protection of a task, and what that costs in precision: lines for whoever decides about it. */
import { defaultPolicy } from '../client/group-ports.ts';
import { type GroupSettings, groupSettings, mostMembers } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { meanError } from '../core/secagg/encoding.ts';
import { updateEncoding } from '../core/secagg/make-manifest.ts';
import { thresholdsOf } from '../core/secagg/manifest.ts';

export type ProtectionLine = readonly [about: string, text: string];

/** The lines of `parley task check` about protection. */
export function protectionLines(task: Task): ProtectionLine[] {
  const settings = groupSettings(task.protection);
  if (settings === null) {
    const noise = task.privacy !== 'none' && task.privacy.noiseAt === 'client' ? ', with its noise' : '';
    return [['protection', `inspect: the coordinator sees every update${noise}`]];
  }
  return [
    ['protection', protectionText(task, settings)],
    ['groups', groupsText(settings)],
    ...consentLine(settings),
    ...precisionLine(task, settings),
    ...compressionLine(settings),
  ];
}

function protectionText({ cohort }: Task, settings: GroupSettings): string {
  const smallest = settings.coin.length === 0 ? cohort.minimum : Math.min(cohort.minimum, settings.size);
  const { least, honest, colluders, members } = thresholdsOf(smallest, settings);
  const alone = colluders === 0 ? 'no member works' : `no more than ${colluders} of ${members} members work`;
  return `group: the coordinator sees sums of ${least} or more updates, no single one; ${honest} or more in each are honest where ${alone} with it`;
}

function groupsText({ size, coin, redrawRounds, stepSeconds }: GroupSettings): string {
  const dealt =
    coin.length === 0
      ? `all clients are one, of ${2 * size - 1} at most`
      : `of ${size} or more clients, dealt by a coin of ${coin.join(', ')} every ${redrawRounds} rounds`;
  return `${dealt}; every step after training waits up to ${stepSeconds} s`;
}

/** Sites that ask for more than the task gives take no part. */
function consentLine({ honest }: GroupSettings): ProtectionLine[] {
  if (honest >= defaultPolicy.honest) return [];
  const asked = `a site asks for sums of ${defaultPolicy.honest} honest updates unless it says otherwise`;
  return [['clients', `${asked}: each of these starts with parley client --honest ${honest}`]];
}

/** Shares of noise have a grid of their own. */
function precisionLine(task: Task, settings: GroupSettings): ProtectionLine[] {
  if (task.privacy !== 'none' && task.privacy.noiseAt === 'shared') return [];
  const members = mostMembers(settings);
  const encoding = updateEncoding(task, members);
  const { bits, weightMax } = encoding;
  const error = (weight: number): string => Number(meanError(encoding, 1, weight).toPrecision(2)).toString();
  const whole = `${bits} bits for each value of a sum`;
  if (weightMax === null) return [['precision', `${whole}: a mean is off by ${error(1)} at most`]];
  return [
    [
      'precision',
      `${whole}: a mean is off by ${error(weightMax)} at most where clients have ${weightMax} examples (aggregation.weightCap), by ${error(1)} where they have one; the cap is best no larger than the largest site`,
    ],
  ];
}

function compressionLine({ compression }: GroupSettings): ProtectionLine[] {
  if (compression === 'none') return [];
  const share = `${Number((100 * compression.keep).toPrecision(4))} %`;
  const what =
    compression.kind === 'random-mask' ? 'of the values are sent' : 'of the hidden units are trained and sent';
  return [['compression', `${share} ${what} in a round, the same for all clients`]];
}
