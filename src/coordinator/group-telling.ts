/** What a member of a group is told: its assignment at first, then one message for each step that has closed. */
import type { Envelope } from '../core/crypto/envelope.ts';
import type { Assignment } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import { messageFor } from '../core/secagg/group-machine.ts';
import { type CoordinatorLabel, coordinatorLabels, encodeGroupMessage } from '../core/secagg/group-message.ts';
import type { GroupStage } from '../core/secagg/group-state.ts';
import { sessionId } from '../core/secagg/manifest.ts';
import type { Book, Loaded } from './book.ts';
import { currentDeal } from './group-deal.ts';
import { cohortHashes } from './group-opening.ts';
import { groupsOf, isGone, placeOf } from './group-record.ts';
import { manifestIn } from './group-session.ts';
import { signAsCoordinator } from './inbox.ts';

/** Which message tells that a stage has begun. */
const begins: Readonly<Record<GroupStage, CoordinatorLabel | null>> = {
  keys: null,
  shares: 'group-members',
  input: 'group-boxes',
  agree: 'group-survivors',
  unmask: 'group-quorum',
  opened: null,
  void: null,
};

/** The group that a client is asked to join, until it has: whoever has sent its keys is in a session that it cannot begin anew. */
export function assignedGroup({ run, task, sessions }: Loaded, client: string): Assignment['group'] {
  const place = placeOf(run, client);
  if (place === null || sessions?.round !== run.round) return null;
  const group = groupsOf(run)[place.index];
  const { stage, keys } = sessions.states[place.index];
  const isAsked = group.outcome === null && stage === 'keys' && !keys.has(place.at) && !isGone(group, place.at);
  const coin = currentDeal(run, task)?.coin ?? null;
  return isAsked ? { manifest: group.manifest, cohort: cohortHashes(sessions.members), coin } : null;
}

/**
 * The message for a member after the one labelled `after`, signed; null when there is none yet. Throws Problem, `round-closed` when the
 * session is no more.
 */
export function tellMember(
  book: Book,
  client: string,
  { task, round, after }: { readonly task: string; readonly round: number; readonly after: string },
): Envelope | null {
  const heard = after === 'group-manifest' ? -1 : (coordinatorLabels as readonly string[]).indexOf(after);
  if (heard < 0 && after !== 'group-manifest') throw new Problem('bad-request', `no message is called ${after}`);
  const { active, ended } = book;
  if (ended?.run.task === task && ended.run.round === round) return tellEnd(book, client, heard);
  if (active?.run.task !== task || active.run.round !== round || active.run.groups === null)
    throw new Problem('round-closed');
  const place = placeOf(active.run, client);
  if (place === null) throw new Problem('round-closed', 'this client is in no group of the round');
  const newest = newestFor(active, place.index, place.at, book);
  if (newest === null || coordinatorLabels.indexOf(newest.label) <= heard) return null;
  const payload = newest.payload();
  return payload && signAsCoordinator(book, newest.label, active.taskHash, round, payload);
}

/** Also when the next round has begun: whoever has helped to open a sum hears that it was. */
function tellEnd(book: Book, client: string, heard: number): Envelope | null {
  const { ended } = book;
  const place = ended === null ? null : placeOf(ended.run, client);
  if (ended === null || place === null) throw new Problem('round-closed');
  if (heard >= coordinatorLabels.indexOf('group-end')) return null;
  const { outcome, ...group } = groupsOf(ended.run)[place.index];
  const sid = sessionId(manifestIn(group), book.ports.primitives);
  const payload = encodeGroupMessage({ sid, outcome: outcome ?? 'void' });
  return signAsCoordinator(book, 'group-end', ended.taskHash, ended.run.round, payload);
}

/** Large for a large group, so that the payload is made only for who has not heard it. */
function newestFor(
  { run, sessions }: Loaded,
  index: number,
  at: number,
  { ports }: Book,
): { readonly label: CoordinatorLabel; readonly payload: () => Uint8Array | null } | null {
  const group = groupsOf(run)[index];
  const { outcome } = group;
  if (outcome !== null) {
    const sid = sessionId(manifestIn(group), ports.primitives);
    return { label: 'group-end', payload: () => encodeGroupMessage({ sid, outcome }) };
  }
  if (sessions?.round !== run.round) return null;
  const state = sessions.states[index];
  const label = begins[state.stage];
  return label === null ? null : { label, payload: () => messageFor(state, at)?.payload ?? null };
}
