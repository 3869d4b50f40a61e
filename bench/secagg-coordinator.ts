/** The coordinator of one group in the suite `secagg`: everything that it does for a round, from messages to the mean, without network and disk. */
import { floatsToBytes } from '../src/core/bytes/floats.ts';
import {
  decodeEnvelope,
  type Envelope,
  encodeEnvelope,
  signEnvelope,
  verifyEnvelope,
} from '../src/core/crypto/envelope.ts';
import { encodePayload, labels } from '../src/core/protocol/message.ts';
import { dequantise, groupMean } from '../src/core/secagg/encoding.ts';
import { beginGroup, isAnswered, messageFor, stepGroup } from '../src/core/secagg/group-machine.ts';
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import type { GroupState } from '../src/core/secagg/group-state.ts';
import type { GroupManifest } from '../src/core/secagg/manifest.ts';
import { packedBytes, Unpacker } from '../src/core/secagg/packing.ts';
import { type Counting, uncounted } from './secagg-costs.ts';
import type { BenchGroup } from './secagg-group.ts';
import type { Sent, Told } from './secagg-member.ts';

/** What a socket gives at a time. */
const chunkBytes = 65_536;

/** Parts of its costs: the labels of what it takes, `tell`, `sum`, `masks`, `mean`. */
export class GroupCoordinator {
  readonly #group: BenchGroup;
  readonly #ports: GroupPorts;
  readonly #costs: Counting;
  #state: GroupState;

  /** @param state default: before the first message. */
  constructor(group: BenchGroup, ports: GroupPorts, costs: Counting = uncounted, state?: GroupState) {
    this.#group = group;
    this.#ports = ports;
    this.#costs = costs;
    this.#state = state ?? this.#costs.do('begin', () => beginGroup(group.manifest, group.known, ports.primitives));
  }

  get state(): GroupState {
    return this.#state;
  }

  /** Takes a message: origin, machine, digest of a vector, receipt. */
  take(at: number, { label, head, body }: Sent): Uint8Array {
    return this.#costs.do(label, () => {
      const { primitives } = this.#ports;
      const envelope = decodeEnvelope(head.subarray(4));
      verifyEnvelope(envelope, this.#group.members[at].peer.publicKey, primitives);
      const isInput = label === 'group-input';
      if (isInput && body !== null) {
        const digest = primitives.createSha256();
        for (const chunk of chunks(body)) digest.update(chunk);
        digest.digest();
      }
      const event = { kind: 'message', at, envelope, body: isInput ? null : body } as const;
      this.#state = stepGroup(this.#state, event, primitives);
      return this.#sign(labels.receipt, receiptOf(envelope, primitives.sha256(envelope.payload)));
    });
  }

  /** Whether the step can be closed. */
  get isAnswered(): boolean {
    return this.#costs.do('answered', () => isAnswered(this.#state));
  }

  /** Closes the step. Throws Error when more is to come. */
  closeAnswered(): void {
    this.#costs.do('close', () => {
      if (!isAnswered(this.#state)) throw new Error('bench: the step is not over');
      this.#state = stepGroup(this.#state, { kind: 'close' }, this.#ports.primitives);
    });
  }

  tell(at: number): Told {
    return this.#costs.do('tell', () => {
      const telling = messageFor(this.#state, at);
      if (telling === null) throw new Error(`bench: nothing to tell member ${at}`);
      return { label: telling.label, bytes: this.#sign(telling.label, telling.payload) };
    });
  }

  /** The sum of the survivors' vectors without masks. `vector` gives the packed segments of a member. Throws Error where the group is void. */
  async open(vector: (at: number) => Uint8Array): Promise<Int32Array[]> {
    const { opening, why } = this.#state;
    if (opening === null) throw new Error(`bench: the group does not open: ${why}`);
    const { segments } = this.#group.manifest;
    const sums = this.#costs.do('sum', () => {
      const totals = segments.map(({ words }) => new Int32Array(words));
      const one = segments.map(({ words }) => new Int32Array(words));
      for (const at of opening.survivors) addInput(vector(at), segments, totals, one);
      return totals;
    });
    await this.#costs.wait('masks', async () => {
      for (const [i, { label, words, bits }] of segments.entries())
        await this.#ports.applyMasks(opening.masks, { label, length: words, bits }, sums[i]);
    });
    return sums;
  }

  /** What goes into the round: the mean of the group and its digest. */
  async mean([update]: readonly Int32Array[]): Promise<Float32Array> {
    const contributors = this.#state.survivors.length;
    return this.#costs.wait('mean', async () => {
      const mean = groupMean(dequantise(update, this.#group.encoding, contributors), this.#group.encoding);
      await this.#ports.primitives.sha256Large(floatsToBytes(mean));
      return mean;
    });
  }

  #sign(label: string, payload: Uint8Array): Uint8Array {
    const { federation, task, round } = this.#group.manifest;
    const { signer, hash } = this.#group.coordinator;
    const fields = { label, federation, task, round, sender: hash, payload };
    return encodeEnvelope(signEnvelope(fields, signer, this.#ports.primitives));
  }
}

function receiptOf({ label }: Envelope, payload: Uint8Array): Uint8Array {
  return encodePayload({ label, payload });
}

/** As the coordinator adds a stored input, chunk by chunk. */
function addInput(
  packed: Uint8Array,
  segments: GroupManifest['segments'],
  sums: readonly Int32Array[],
  one: readonly Int32Array[],
): void {
  let at = 0;
  for (const [i, { words, bits }] of segments.entries()) {
    const held = one[i];
    const unpacker = new Unpacker(held, bits);
    const end = at + packedBytes(words, bits);
    for (const chunk of chunks(packed.subarray(at, end))) unpacker.add(chunk);
    unpacker.end();
    at = end;
    const sum = sums[i];
    for (let word = 0; word < sum.length; word++) sum[word] += held[word];
  }
}

function* chunks(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
}
