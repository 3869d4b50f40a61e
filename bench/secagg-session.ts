/** Whole rounds of groups in the suite `secagg`: every message of every party, made and checked; training, network and disk left out. */
import type { GroupPrimitives } from '../src/core/crypto/group-primitives.ts';
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import { GroupCoordinator } from './secagg-coordinator.ts';
import { type BenchGroup, makeGroup } from './secagg-group.ts';
import { type Sent, SessionMember } from './secagg-member.ts';

export interface Played {
  readonly group: BenchGroup;
  readonly members: readonly SessionMember[];
  readonly coordinator: GroupCoordinator;
  /** Of each member, the bytes that it sent. */
  readonly uploads: readonly number[];
  readonly mean: Float32Array | null;
}

export interface SessionOptions {
  readonly size: number;
  readonly dimension: number;
  readonly ports: GroupPorts;
  /** Whose vectors are real; default all. With fewer the sum is not opened. */
  readonly real?: (at: number) => boolean;
  /** Hears all that a member was told. */
  readonly onTold?: (at: number, label: string, bytes: Uint8Array) => void;
  readonly primitives?: (at: number) => GroupPrimitives;
}

/** A round of one group in which all stay. */
export async function playSession(options: SessionOptions): Promise<Played> {
  const { size, dimension, ports, real = () => true } = options;
  const group = makeGroup(size, dimension, ports.primitives);
  const update = sampleUpdate(dimension);
  const members = group.members.map((_, at) => {
    const { randomBytes } = ports.primitives;
    const secrets = { root: randomBytes(32), self: randomBytes(32), channel: randomBytes(32) };
    return new SessionMember(group, at, { update: real(at) ? update : null, secrets, ports });
  });
  const coordinator = new GroupCoordinator(group, ports);
  const uploads = members.map(() => 0);
  const vectors: Uint8Array[] = [];
  const everyone = members.map((_, at) => at);
  const opens = everyone.every(real);
  const deliver = (at: number, sent: Sent): void => {
    uploads[at] += sent.head.length + (sent.body?.length ?? 0);
    if (sent.label === 'group-input' && sent.body !== null) vectors[at] = sent.body;
    members[at].acknowledged(sent, coordinator.take(at, sent));
  };
  for (const at of everyone) deliver(at, members[at].begin());
  for (;;) {
    if (!coordinator.isAnswered) throw new Error('bench: the step is not over');
    coordinator.close();
    if (coordinator.state.stage === 'opened') break;
    for (const at of everyone) {
      // The sum opens with the first t answers: the others' are taken all the same.
      const { label, bytes } = coordinator.tell(at);
      options.onTold?.(at, label, bytes);
      const sent = await members[at].hear(label, bytes);
      if (sent !== null) deliver(at, sent);
    }
  }
  for (const at of everyone) {
    const { label, bytes } = coordinator.tell(at);
    options.onTold?.(at, label, bytes);
    await members[at].hear(label, bytes);
  }
  const mean = opens ? await coordinator.mean(await coordinator.open(at => vectors[at])) : null;
  if (mean !== null) expectMean(mean, update);
  return { group, members, coordinator, uploads, mean };
}

/** No longer than the clip bound of the groups here. */
export function sampleUpdate(dimension: number): Float32Array {
  return Float32Array.from({ length: dimension }, (_, i) => Math.sin(1.7 * i) / Math.sqrt(dimension));
}

/** All members have the same update, so that the mean is known. */
function expectMean(mean: Float32Array, update: Float32Array): void {
  const worst = mean.reduce((most, value, i) => Math.max(most, Math.abs(value - update[i])), 0);
  if (!(worst < 1e-6)) throw new Error(`bench: the mean is off by ${worst}`);
}
