/** The machines of the open round's groups in memory, and how they come back after a crash: the stored messages once more, step by step. */
import { decodeCbor } from '../core/bytes/cbor.ts';
import { toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope } from '../core/crypto/envelope.ts';
import { beginGroup, stepGroup } from '../core/secagg/group-machine.ts';
import { memberLabels } from '../core/secagg/group-message.ts';
import type { GroupState } from '../core/secagg/group-state.ts';
import type { GroupManifest } from '../core/secagg/manifest.ts';
import { updateKey } from './admit.ts';
import type { Book, Loaded, Registered, SessionMembers } from './book.ts';
import { groupMember, sessionMembers } from './group-opening.ts';
import { groupsOf, placeOf } from './group-record.ts';
import type { CoordinatorPorts } from './ports.ts';
import type { GroupRecord, Run } from './store.ts';

/** The machines of the open round. Call it where transitions happen one at a time. */
export async function sessionsOf(book: Book, loaded: Loaded): Promise<NonNullable<Loaded['sessions']>> {
  const { run } = loaded;
  if (loaded.sessions?.round === run.round) return loaded.sessions;
  const members = await sessionMembers(book, run);
  const states: GroupState[] = [];
  for (const group of groupsOf(run)) states.push(await restored(book, run, group, members));
  loaded.sessions = { round: run.round, members, states };
  // Members may have been waiting for what their machine says.
  book.touch();
  return loaded.sessions;
}

/** The machines are not needed any more: the round has ended as the run says, and its members can still ask how. */
export function endSessions(book: Book, loaded: Loaded): void {
  const { run, taskHash, sessions } = loaded;
  if (run.groups !== null && sessions !== null) book.ended = { run, taskHash, members: sessions.members };
  loaded.sessions = null;
}

/** The machine of a member's group hears that it will not answer; the run says so already. */
export function depart(book: Book, client: string): void {
  const { active } = book;
  if (active === null || active.sessions?.round !== active.run.round) return;
  const place = placeOf(active.run, client);
  if (place === null) return;
  const { states } = active.sessions;
  states[place.index] = stepGroup(
    states[place.index],
    { kind: 'gone', at: place.at },
    groupPorts(book.ports).primitives,
  );
}

/** Throws Error in a coordinator that was opened without them. */
export function groupPorts({ group }: CoordinatorPorts): NonNullable<CoordinatorPorts['group']> {
  if (group === null) throw new Error('this coordinator was opened without what tasks with groups need');
  return group;
}

/** What a manifest of ours says. */
export function manifestIn({ manifest }: Pick<GroupRecord, 'manifest'>): GroupManifest {
  // `encodeManifest` wrote a label, then the manifest.
  return (decodeCbor(manifest) as unknown as [string, GroupManifest])[1];
}

/** Where the boxes that follow an R1 lie: under the digest of what was signed. */
export function bodyKey(book: Book, run: Run, client: string, payload: Uint8Array): string {
  return updateKey(run.task, run.round, client, toHex(book.ports.primitives.sha256(payload)));
}

/** As it was: the messages of each step, then who was gone, then its closing. Of a session that is over nothing is needed but its beginning. */
async function restored(book: Book, run: Run, group: GroupRecord, members: SessionMembers): Promise<GroupState> {
  const { primitives } = groupPorts(book.ports);
  // Opening stored everyone that it dealt.
  const known = group.members.map((name, at) => groupMember(members.get(name) as Registered, at));
  let state = beginGroup(manifestIn(group), known, primitives);
  if (group.outcome !== null) return state;
  for (const [step, label] of memberLabels.entries()) {
    if (step > group.closed) break;
    for (const { name, at } of known) {
      const stored = await book.ports.store.message({ task: run.task, round: run.round, label, sender: name });
      if (stored === null) continue;
      const envelope = decodeEnvelope(stored.envelope);
      const body =
        label === 'group-shares' ? await book.ports.blobs.read(bodyKey(book, run, name, envelope.payload)) : null;
      state = stepGroup(state, { kind: 'message', at, envelope, body }, primitives);
    }
    for (const gone of group.gone)
      if (gone.step === step) state = stepGroup(state, { kind: 'gone', at: gone.at }, primitives);
    if (step < group.closed) state = stepGroup(state, { kind: 'close' }, primitives);
  }
  return state;
}
