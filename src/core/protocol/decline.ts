/** Why a client declines a round, in the words of an operator. The reason is all that the client tells: never a number or text of its own. */
import type { Decline } from './message.ts';

export type DeclineReason = Decline['reason'];

/** What a decline is counted under: its reason is part of the code, so that it outlives a restart. */
export type DeclineCode = `declined: ${DeclineReason}`;

/** reason → what it means, what the operator can do. */
const reasons: Readonly<Record<DeclineReason, readonly [meaning: string, remedy: string]>> = {
  'cannot-train': [
    'the data or the rules of the site do not allow the task',
    'Look at the log of that client: it names the place.',
  ],
  diverged: [
    'training or evaluation gave no finite numbers',
    'Lower training.optimizer.learningRate, or set training.clip.',
  ],
  budget: [
    'the privacy ledger of the site does not allow another release',
    'Its rows take no part any more; on that client: parley privacy ledger.',
  ],
  failed: ['the trainer of the site failed', 'Look at the log of that client: it says how.'],
};

/** The code that a decline for this reason is counted under. */
export function declineCode(reason: DeclineReason): DeclineCode {
  return `declined: ${reason}`;
}

/** The reason in a code of a refusal; null for refusals that are no declines, and where none was recorded. */
export function declineReasonOf(code: string): DeclineReason | null {
  const reason = code.slice('declined: '.length);
  return code.startsWith('declined: ') && Object.hasOwn(reasons, reason) ? (reason as DeclineReason) : null;
}

/** What a reason means, and what the operator can do: one sentence. */
export function declineAdvice(reason: DeclineReason): { readonly meaning: string; readonly remedy: string } {
  const [meaning, remedy] = reasons[reason];
  return { meaning, remedy };
}
