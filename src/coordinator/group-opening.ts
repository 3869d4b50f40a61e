/** Opening a round of groups: who is asked, how they are dealt, and what their manifests say; durable before anybody hears of it. */
import { compareBytes, decodeCbor, encodeCbor } from '../core/bytes/cbor.ts';
import { fromHex } from '../core/bytes/floats.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import type { GroupSettings } from '../core/protocol/protection-settings.ts';
import { mostMembers } from '../core/protocol/protection-settings.ts';
import type { Task } from '../core/protocol/task.ts';
import { drawHash } from '../core/secagg/draw.ts';
import type { GroupMember } from '../core/secagg/group-state.ts';
import { makeManifest } from '../core/secagg/make-manifest.ts';
import { encodeManifest } from '../core/secagg/manifest.ts';
import { groupCount, groupThresholds } from '../core/secagg/thresholds.ts';
import type { Book, Loaded, Registered, SessionMembers } from './book.ts';
import { currentDeal, type DealtGroup, dealKey, dealtGroups, isTossing } from './group-deal.ts';
import { type Eligible, eligible } from './group-memory.ts';
import { settingsOf, withGroups } from './group-record.ts';
import { asksEvaluation, deadlineMs, opened } from './run.ts';
import { ranked, select } from './select.ts';
import type { GroupRecord, Run } from './store.ts';

/** Where the certificates of a round's members lie: they are shown to each other, also after this process has forgotten who was here. */
export const membersKey = (task: string, round: number): string => `${task}/members/${round}`;

/** So long a set waits for clients that come later than others. */
const settlingMs = 2000;

/** Who can be asked now, and why no round is opened if it is not. */
export interface Readiness {
  readonly eligible: Eligible;
  /** Clients that a round needs at least. */
  readonly least: number;
  /** In words that follow "waits"; null when a round can be opened. */
  readonly waiting: string | null;
  /** So many clients are a whole set: no others are waited for. Null where there was none before. */
  readonly whole: number | null;
  /** Whether these clients have to be dealt by a coin first. */
  readonly isDealing: boolean;
  /** The groups of the epoch; null where nothing is dealt. */
  readonly dealt: readonly DealtGroup[] | null;
}

/** @param awaited asked also when they are not listening at this instant. */
export function readiness(book: Book, { task }: Loaded, run: Run, awaited: readonly string[] = []): Readiness {
  const out = new Set([...run.refused, ...run.blamed, ...book.declined(run.task)]);
  const present = new Set([...book.presence.present(), ...awaited]);
  const free = [...present].filter(client => book.members.has(client) && !out.has(client)).sort();
  const minimum = run.phase === 'evaluating' ? 1 : task.cohort.minimum;
  const least = Math.max(minimum, leastMembers(settingsOf(task)));
  const deal = currentDeal(run, task);
  if (deal !== null) return dealtReadiness(dealtGroups(book, run, task, deal, free), free, least, minimum, run);
  const isDealing = isTossing(run, task) || isDealtIn(task, run, free.length, least);
  const found = isDealing ? everyone(free, run) : eligible(run, task, free);
  const whole = (isDealing ? run.deal?.cohort.length : run.lastSet?.survivors.length) ?? null;
  return { eligible: found, least, waiting: waitingFor(found, least, run), whole, isDealing, dealt: null };
}

/** As `readiness`, of groups that are dealt already. The round that no group can begin is given up where a new deal could help. */
function dealtReadiness(
  groups: readonly DealtGroup[],
  free: readonly string[],
  least: number,
  minimum: number,
  run: Run,
): Readiness {
  const clients = groups.flatMap(({ there, why }) => (why === null ? there : [])).sort();
  const isEnough = clients.length >= minimum && clients.length > 0;
  const members = groups.flatMap(group => group.members.map(({ name }) => name));
  const awaited = isEnough || free.length < least ? [] : members.filter(name => !clients.includes(name)).sort();
  const standing = groups.map(({ there, members: all }) => `${there.length} of ${all.length}`).join(', ');
  return {
    eligible: { ...everyone(clients, run), isBound: true, awaited },
    least,
    waiting: isEnough ? null : `for enough clients of its groups (${standing} are there)`,
    whole: groups.reduce((sum, group) => sum + group.whole, 0),
    isDealing: false,
    dealt: groups,
  };
}

function everyone(clients: readonly string[], { round }: Run): Eligible {
  return { clients, isBound: false, leftOut: [], until: round, awaited: [] };
}

/** Whether so many clients make several groups, which only a coin deals. */
function isDealtIn(task: Task, { phase }: Run, clients: number, least: number): boolean {
  const { coin, size } = settingsOf(task);
  const asked = phase === 'evaluating' ? clients : Math.max(least, Math.ceil(task.cohort.fraction * clients));
  return coin.length > 0 && groupCount(Math.max(1, Math.min(clients, asked)), size) > 1;
}

/** The run with its round open for the clients that are there, their groups dealt, or null when they are too few. */
export async function openGroups(
  book: Book,
  loaded: Loaded,
  run: Run,
  awaited: readonly string[],
): Promise<Run | null> {
  const { clock } = book.ports;
  const { task } = loaded;
  if (run.deadlineAt !== null && clock.now() < run.deadlineAt) return null;
  const ready = readiness(book, loaded, run, awaited);
  if (ready.waiting !== null) loaded.settling = null;
  if (ready.waiting !== null || ready.isDealing || isSettling(loaded, run, ready, clock.now())) return null;
  if (ready.dealt !== null) return openDealt(book, loaded, run, ready, ready.dealt);
  const cohort = drawn(book, loaded, run, ready);
  // `readiness` takes registered clients only.
  const members = cohort.map(client => book.members.get(client) as Registered);
  await writeBlob(book.ports.blobs, membersKey(run.task, run.round), encodeMembers(members));
  await book.ports.step('group-members-blob');
  const sorted = [...members].sort((a, b) => compareBytes(a.certificate, b.certificate));
  const all = { members: sorted, there: cohort, whole: cohort.length, why: null };
  const records = recordsOf(book, loaded, run, [all], null);
  loaded.settling = null;
  logOpening(book, run, ready, cohort);
  return withGroups(opened(run, { cohort, target: cohort.length }, task, clock.now()), records);
}

/** The round of an epoch whose groups are dealt: each has the same members as in every other one, and who is not there is gone from the start. */
async function openDealt(
  book: Book,
  loaded: Loaded,
  run: Run,
  ready: Readiness,
  groups: readonly DealtGroup[],
): Promise<Run> {
  const { blobs, clock, step } = book.ports;
  const { task } = loaded;
  const deal = currentDeal(run, task);
  const certificates = deal && (await blobs.read(dealKey(run.task, deal)));
  if (deal === null || certificates === null)
    throw new Error(`the certificates of those dealt into groups of ${run.task} are missing from storage`);
  await writeBlob(blobs, membersKey(run.task, run.round), certificates);
  await step('group-members-blob');
  const records = recordsOf(book, loaded, run, groups, deal.coin);
  const { clients } = ready.eligible;
  loaded.settling = null;
  logOpening(book, run, ready, clients);
  return withGroups(opened(run, { cohort: clients, target: clients.length }, task, clock.now()), records);
}

/** Everybody in the round, from what was stored when it was opened. Throws Error when that is missing. */
export async function sessionMembers(book: Book, run: Run): Promise<SessionMembers> {
  const key = membersKey(run.task, run.round);
  const bytes = await book.ports.blobs.read(key);
  if (bytes === null) throw new Error(`the members of round ${run.round} of ${run.task} are missing from storage`);
  // `encodeMembers` wrote them.
  const members = decodeCbor(bytes) as unknown as Registered[];
  return new Map(members.map(member => [member.name, member]));
}

export function groupMember({ name, document, publicKey }: Registered, at: number): GroupMember {
  return { at, name, certificate: document, publicKey };
}

/** Certificate hashes of all that were dealt into groups, ascending. */
export function cohortHashes(members: SessionMembers): Uint8Array[] {
  return [...members.values()].map(({ certificate }) => certificate).sort(compareBytes);
}

/**
 * Without privacy, whoever comes a moment after a set was drawn is left out for many rounds. So the first set, and one that would be smaller
 * than the last, waits until nobody new has come for a while: clients come together, to a task and to a coordinator that was restarted.
 */
export function isSettling(
  loaded: Loaded,
  run: Run,
  { eligible: found, whole, isDealing }: Readiness,
  nowMs: number,
): boolean {
  const { settling } = loaded;
  const clients = found.clients.length;
  const isAny = !isDealing && (run.phase === 'evaluating' || loaded.task.privacy !== 'none');
  if (isAny || (whole !== null && clients >= whole)) return false;
  if (settling !== null && settling.clients >= clients) return nowMs < settling.untilMs;
  loaded.settling = { clients, untilMs: nowMs + settlingMs };
  return true;
}

/** The fewest clients that make a group under these settings. */
function leastMembers(settings: GroupSettings): number {
  const most = mostMembers(settings);
  for (let members = settings.honest; members < most; members++) if (isGroup(members, settings)) return members;
  return most;
}

function isGroup(members: number, settings: GroupSettings): boolean {
  try {
    groupThresholds(members, settings);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

function waitingFor({ clients, awaited, leftOut, until }: Eligible, least: number, { lastSet }: Run): string | null {
  if (awaited.length > 0) {
    const why = `the ${lastSet?.survivors.length} clients that agreed on a sum of this model have to be the same`;
    return `for ${awaited.join(', ')} (${why}, else parley stop)`;
  }
  if (clients.length >= least) return null;
  if (leftOut.length === 0) return 'for enough clients';
  return `for enough clients of the last set (sums with ${leftOut.join(', ')} before round ${until} would show single updates)`;
}

/** A set that must not grow is asked as a whole; else it is drawn as in every other round, no more than one group holds. */
export function drawn(
  book: Book,
  { task, taskHash }: Loaded,
  run: Run,
  { eligible: found, least }: Readiness,
): string[] {
  const draw = { taskHash, round: run.round, attempt: run.attempt };
  const { primitives } = book.ports;
  const isAll = found.isBound || run.phase === 'evaluating';
  const cohort = { ...task.cohort, minimum: least, ...(isAll ? { fraction: 1 } : {}), overSelection: 0 };
  const candidates = { answered: [], fresh: found.clients, passedOver: [] };
  const all = select({ ...task, cohort }, draw, candidates, primitives)?.cohort ?? [];
  const settings = settingsOf(task);
  const room = settings.coin.length > 0 ? all.length : mostMembers(settings);
  return all.length <= room
    ? [...all]
    : ranked([...all], draw, primitives)
        .slice(0, room)
        .sort();
}

/** @param coin evidence of the coin that dealt them; null where nothing was dealt. */
function recordsOf(
  book: Book,
  { task, taskHash }: Loaded,
  run: Run,
  groups: readonly DealtGroup[],
  coin: Uint8Array | null,
): GroupRecord[] {
  const { primitives, federation, build, clock } = book.ports;
  const cohort = groups.flatMap(({ members }) => members.map(({ certificate }) => certificate));
  const draw = drawHash(cohort.sort(compareBytes), coin, primitives);
  return groups.map(({ members, there, why }, group) => {
    const manifest = makeManifest({
      ...{ task, taskHash, federation, round: run.round, draw, build, primitives, group, groups: groups.length },
      kind: kindOf(run),
      evaluate: asksEvaluation(run, task),
      members: members.map(({ certificate }) => certificate),
      model: fromHex(run.model),
    });
    return {
      name: `group-${group + 1}`,
      manifest: encodeManifest(manifest),
      members: members.map(({ name }) => name),
      closed: 0,
      gone: members.flatMap(({ name }, at) => (there.includes(name) ? [] : [{ at, step: 0 }])),
      stepDeadlineAt: why === null ? clock.now() + deadlineMs(task) : null,
      outcome: why === null ? null : 'void',
      survivors: [],
      why,
    };
  });
}

function logOpening(book: Book, run: Run, { eligible: found }: Readiness, cohort: readonly string[]): void {
  const { task, round } = run;
  book.ports.log({ event: 'groups-opened', task, round, detail: `${cohort.length} clients` });
  if (found.leftOut.length === 0) return;
  const detail = `${found.leftOut.join(', ')}: a set that grew before round ${found.until} would show single updates`;
  book.ports.log({ event: 'left-out', level: 'warn', task, round, detail });
}

export function encodeMembers(members: readonly Registered[]): Uint8Array {
  return encodeCbor(
    members.map(({ name, certificate, publicKey, serial, document }) => {
      return { name, certificate, publicKey, serial, document };
    }),
  );
}

/** What the open round of a run asks of its clients. */
export function kindOf(run: Run): 'train' | 'evaluate' {
  return run.phase === 'evaluating' ? 'evaluate' : 'train';
}
