/** Messages of members of a group: each verified, taken by its machine, durable, and only then acknowledged. */
import { sameBytes, toHex } from '../core/bytes/floats.ts';
import type { Envelope } from '../core/crypto/envelope.ts';
import { encodeEnvelope } from '../core/crypto/envelope.ts';
import type { UpdateBody } from '../core/protocol/message.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { stepGroup } from '../core/secagg/group-machine.ts';
import { memberLabels, parseInput, parseUnmask } from '../core/secagg/group-message.ts';
import type { GroupManifest } from '../core/secagg/manifest.ts';
import { packedBytes } from '../core/secagg/packing.ts';
import { updateKey } from './admit.ts';
import type { Book, Loaded, Registered } from './book.ts';
import { groupsOf, placeOf } from './group-record.ts';
import { bodyKey, groupPorts, manifestIn, sessionsOf } from './group-session.ts';
import { blaming, type Exclusively, earlierReceipt, keyOf, openFor, receiptFor } from './inbox.ts';
import type { Run, Write } from './store.ts';
import { verifyOrigin } from './verify.ts';

/** Two ciphertexts, a sealed box and the CBOR around them, bytes: an entry of an R1's body is no longer. */
const mostEntryBytes = 2 * 1120 + 4096 + 64;

/** The longest that may follow a message of this run's open round, bytes. */
export function mostAttached(run: Run | undefined): number {
  const groups = run?.groups ?? [];
  return Math.max(0, ...groups.map(group => mostOf(manifestIn(group))));
}

/** Takes a message of a member and what follows it. The same bytes again give the same receipt. Throws Problem. */
export async function takeGroupMessage(
  book: Book,
  exclusively: Exclusively,
  member: Registered,
  { envelope, tensor }: UpdateBody,
): Promise<Envelope> {
  const { federation, primitives } = book.ports;
  if (!(memberLabels as readonly string[]).includes(envelope.label))
    throw new Problem('bad-request', 'not a message of a group');
  // A certificate that was renewed meanwhile is not the one that the manifest names.
  const { active, ended } = book;
  const isOver = ended?.run.round === envelope.round && ended.run.task === toHex(envelope.task);
  const sender = (isOver ? ended : active?.sessions)?.members.get(member.name) ?? member;
  verifyOrigin(envelope, sender, { federation, label: envelope.label }, primitives);
  const known = await earlierReceipt(book, envelope, member.name);
  if (known !== null) return known;
  return blaming(book, exclusively, envelope, member, async () => {
    if (isLate(book, envelope, member.name)) return exclusively(() => accept(book, member.name, envelope, null));
    const { run } = sessionFor(book, envelope, member.name);
    const body = await takeAttached(book, run, member.name, envelope, tensor);
    return exclusively(() => accept(book, member.name, envelope, body));
  });
}

/** The machine takes it, then it is stored; a machine that was told before would know what a crash forgets. */
async function accept(book: Book, client: string, envelope: Envelope, body: Uint8Array | null): Promise<Envelope> {
  const raced = await earlierReceipt(book, envelope, client);
  if (raced !== null) return raced;
  if (isLate(book, envelope, client)) return keepLate(book, envelope, client);
  const { ports } = book;
  try {
    const loaded = sessionFor(book, envelope, client);
    const { run } = loaded;
    const { index, at } = placeIn(run, client);
    const { states } = await sessionsOf(book, loaded);
    const event = { kind: 'message', at, envelope, body } as const;
    const next = stepGroup(states[index], event, groupPorts(ports).primitives);
    if (body !== null) {
      await writeBlob(ports.blobs, bodyKey(book, run, client, envelope.payload), body);
      await ports.step('group-body-blob');
    }
    await ports.store.commit([stored(book, envelope, client)]);
    states[index] = next;
  } catch (error) {
    // Nothing of an input that is not taken stays.
    if (envelope.label === 'group-input' && error instanceof Problem)
      await ports.blobs.remove(vectorKey(envelope, client, parseInput(envelope.payload).vector));
    throw error;
  }
  await ports.step('group-message-stored');
  return receiptFor(book, envelope);
}

/** Is it a share for a sum that others have opened already? Whoever sent it did all that it had to. */
function isLate(book: Book, envelope: Envelope, client: string): boolean {
  const run = [book.active?.run, book.ended?.run].find(
    known => known?.round === envelope.round && known.task === toHex(envelope.task),
  );
  const place = run === undefined ? null : placeOf(run, client);
  const isOpened = run !== undefined && place !== null && run.groups?.[place.index].outcome === 'opened';
  return isOpened && envelope.label === 'group-unmask';
}

async function keepLate(book: Book, envelope: Envelope, client: string): Promise<Envelope> {
  parseUnmask(envelope.payload);
  await book.ports.store.commit([stored(book, envelope, client)]);
  return receiptFor(book, envelope);
}

function stored(book: Book, envelope: Envelope, client: string): Write {
  const payload = book.ports.primitives.sha256(envelope.payload);
  return { put: 'message', key: keyOf(envelope, client), payload, envelope: encodeEnvelope(envelope) };
}

/** Where the masked vector of a member lies, under its digest. */
export function vectorKey(envelope: Pick<Envelope, 'task' | 'round'>, client: string, vector: Uint8Array): string {
  return updateKey(toHex(envelope.task), envelope.round, client, toHex(vector));
}

/** Bytes of one member's input. */
export function inputBytes({ segments }: Pick<GroupManifest, 'segments'>): number {
  return segments.reduce((sum, { words, bits }) => sum + packedBytes(words, bits), 0);
}

/** The run under way, if this client is a member of one of its groups whose session goes on. Throws Problem. */
function sessionFor(book: Book, envelope: Envelope, client: string): Loaded {
  const loaded = openFor(book, envelope, client);
  if (loaded.run.groups === null) throw new Problem('round-closed');
  const { index } = placeIn(loaded.run, client);
  if (loaded.run.groups[index].outcome !== null) throw new Problem('round-closed');
  return loaded;
}

function placeIn(run: Run, client: string): { readonly index: number; readonly at: number } {
  const place = placeOf(run, client);
  if (place === null) throw new Problem('not-in-cohort');
  return place;
}

/** What follows a message: boxes in memory, an input in a blob that is durable when this resolves, of all others nothing. Throws Problem. */
async function takeAttached(
  book: Book,
  run: Run,
  client: string,
  envelope: Envelope,
  chunks: AsyncIterable<Uint8Array>,
): Promise<Uint8Array | null> {
  const manifest = manifestIn(groupsOf(run)[placeIn(run, client).index]);
  if (envelope.label === 'group-input') {
    await takeVector(book, client, envelope, manifest, chunks);
    return null;
  }
  const isDealing = envelope.label === 'group-shares';
  const body = await whole(chunks, isDealing ? mostDealt(manifest) : 0);
  return isDealing ? body : null;
}

async function takeVector(
  book: Book,
  client: string,
  envelope: Envelope,
  manifest: GroupManifest,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const { blobs, primitives } = book.ports;
  const input = parseInput(envelope.payload);
  const bytes = inputBytes(manifest);
  const ends = paddedEnds(manifest);
  if (input.bytes !== bytes) throw new Problem('malformed', `an input of ${input.bytes} bytes, expected ${bytes}`);
  const writer = await blobs.write(vectorKey(envelope, client, input.vector));
  try {
    const hash = primitives.createSha256();
    let total = 0;
    for await (const chunk of chunks) {
      if (ends.some(({ place, usedBits }) => chunk[place - total] >> usedBits !== 0))
        throw new Problem('malformed', 'the padding behind the words is not zero');
      total += chunk.length;
      if (total > bytes) throw new Problem('malformed', 'more bytes than declared');
      hash.update(chunk);
      await writer.write(chunk);
    }
    if (total !== bytes) throw new Problem('malformed', 'fewer bytes than declared');
    if (!sameBytes(await hash.digest(), input.vector)) throw new Problem('bad-digest');
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  await book.ports.step('group-body-blob');
}

/** The last byte of each segment whose words leave some of it unused. A sum reads no input with anything there: its group could not open. */
function paddedEnds({ segments }: GroupManifest): { readonly place: number; readonly usedBits: number }[] {
  let place = -1;
  return segments.flatMap(({ words, bits }) => {
    place += packedBytes(words, bits);
    const usedBits = (words * bits) % 8;
    return usedBits === 0 ? [] : [{ place, usedBits }];
  });
}

async function whole(chunks: AsyncIterable<Uint8Array>, most: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of chunks) {
    total += chunk.length;
    if (total > most) throw new Problem('malformed', 'more bytes than the message has');
    parts.push(chunk.slice());
  }
  const out = new Uint8Array(total);
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function mostOf(manifest: GroupManifest): number {
  return Math.max(inputBytes(manifest), mostDealt(manifest));
}

/** The longest body of an R1, which is held in memory until it is judged. */
function mostDealt({ members }: GroupManifest): number {
  return 16 + members.length * mostEntryBytes;
}
