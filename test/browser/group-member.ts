/** A member's whole part of a group session, as a Web Worker and Node both play it: only the ports differ. */
import { decodeCbor, encodeCbor } from '../../src/core/bytes/cbor.ts';
import type { EnvelopeFields } from '../../src/core/crypto/envelope.ts';
import type { GroupPrimitives } from '../../src/core/crypto/group-primitives.ts';
import { RandomStream } from '../../src/core/math/random.ts';
import { makeEncoding, quantise } from '../../src/core/secagg/encoding.ts';
import {
  type CoordinatorLabel,
  parseBoxes,
  parseMembers,
  parseQuorum,
  parseSurvivors,
} from '../../src/core/secagg/group-message.ts';
import { type GroupManifest, sessionId } from '../../src/core/secagg/manifest.ts';
import type { Mask } from '../../src/core/secagg/mask.ts';
import {
  beginMember,
  type MemberAction,
  type MemberEvent,
  type MemberSecrets,
  type Peer,
  stepMember,
} from '../../src/core/secagg/member-machine.ts';

/** What a member is told before it begins. */
export interface Joined {
  readonly at: number;
  readonly manifest: GroupManifest;
  readonly peers: readonly Peer[];
}

export interface MemberPorts {
  readonly primitives: GroupPrimitives;
  /** The signed envelope, encoded. */
  sign(fields: EnvelopeFields): Promise<Uint8Array>;
  /** The input under these masks, packed, and how many bytes it counts as. */
  mask(masks: readonly Mask[]): Promise<{ readonly packed: Uint8Array; readonly bytes: number }>;
  /** Sends a message; resolves with what the coordinator says when it has closed the step. */
  exchange(envelope: Uint8Array, body: Uint8Array): Promise<Told>;
}

export interface Told {
  readonly label: CoordinatorLabel;
  readonly payload: Uint8Array;
}

/** Plays to the end. Throws Error where the member aborts. */
export async function playMember(joined: Joined, secrets: MemberSecrets, ports: MemberPorts): Promise<void> {
  const { manifest, at } = joined;
  const session = {
    manifest,
    sid: sessionId(manifest, ports.primitives),
    at,
    certificate: manifest.members[at],
    policy: { honest: 3, colluders: 0, setChanges: 'strict' } as const,
    isPrivate: false,
    redrawRounds: 1,
  };
  let { state, actions } = beginMember(session, secrets, ports.primitives);
  let packed = new Uint8Array(0);
  while (state.stage !== 'finished') {
    let event: MemberEvent | null = null;
    for (const action of actions) {
      if (action.kind === 'aborted') throw new Error(`member ${at} aborts: ${action.why}`);
      if (action.kind === 'mask') {
        const input = await ports.mask(action.masks);
        packed = Uint8Array.from(input.packed);
        event = { kind: 'masked', vector: await ports.primitives.sha256Large(packed), bytes: input.bytes };
      }
      if (action.kind === 'send') event = eventOf(await send(joined, action, packed, ports), joined.peers);
    }
    if (event === null) throw new Error(`member ${at} has nothing to do in the stage ${state.stage}`);
    ({ state, actions } = stepMember(state, event, ports.primitives));
  }
}

/** An update of the group's fixed point, the same wherever it is made, and two figures. */
export function inputOf({ at, manifest }: Joined): Int32Array<ArrayBuffer>[] {
  const stream = new RandomStream(new Uint8Array(32).fill(1 + at));
  const { clipNorm, weightMax, thresholds, segments } = manifest;
  return segments.map(({ label, words, bits }) => {
    if (label === 'figures') return Int32Array.from({ length: words }, () => stream.below(2 ** 24));
    const encoding = makeEncoding({ bits, clipNorm, weightMax, dimension: words, members: thresholds.members });
    const bound = (2 * clipNorm * 0.99) / Math.sqrt(words);
    const update = Float32Array.from({ length: words }, () => (stream.float32() - 0.5) * bound);
    return quantise(update, 1, encoding);
  });
}

/** What goes over the wire between the page and the test. */
export const encodeSent = (envelope: Uint8Array, body: Uint8Array): Uint8Array<ArrayBuffer> =>
  encodeCbor([envelope, body]);
export const decodeSent = (bytes: Uint8Array) => decodeCbor(bytes) as [envelope: Uint8Array, body: Uint8Array];
export const encodeTold = ({ label, payload }: Told): Uint8Array<ArrayBuffer> => encodeCbor([label, payload]);
export function decodeTold(bytes: Uint8Array): Told {
  const [label, payload] = decodeCbor(bytes) as [CoordinatorLabel, Uint8Array];
  return { label, payload };
}

async function send(
  { manifest, at }: Joined,
  { label, payload, body }: Extract<MemberAction, { readonly kind: 'send' }>,
  packed: Uint8Array,
  { sign, exchange }: MemberPorts,
): Promise<Told> {
  const { federation, task, round, members } = manifest;
  const envelope = await sign({ label, federation, task, round, sender: members[at], payload });
  return exchange(envelope, label === 'group-input' ? packed : (body ?? new Uint8Array(0)));
}

function eventOf({ label, payload }: Told, peers: readonly Peer[]): MemberEvent {
  switch (label) {
    case 'group-members': {
      const message = parseMembers(payload);
      return { kind: 'members', message, peers: message.present.map(({ at }) => peers[at]) };
    }
    case 'group-boxes':
      return { kind: 'boxes', message: parseBoxes(payload) };
    case 'group-survivors':
      return { kind: 'survivors', message: parseSurvivors(payload), memory: null };
    case 'group-quorum':
      return { kind: 'quorum', message: parseQuorum(payload) };
    case 'group-end':
      return { kind: 'end' };
  }
}
