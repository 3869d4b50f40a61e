/** Whole rounds of groups in the suite `secagg`: every message of every party, made and checked; training, network and disk left out. */
import type { GroupPorts } from '../src/core/secagg/group-ports.ts';
import { GroupCoordinator } from './secagg-coordinator.ts';
import { begun, type Cost, type Counting } from './secagg-costs.ts';
import type { BenchGroup } from './secagg-group.ts';
import { type Sent, SessionMember, type Told } from './secagg-member.ts';

export interface Played {
  /** Of all parties, from the members' updates to the mean. */
  readonly cost: Cost;
  /** Of each member, the bytes that it sent. */
  readonly uploads: readonly number[];
}

export interface SessionOptions {
  readonly ports: GroupPorts;
  /** Ports of single members, where they differ. */
  readonly portsOf?: (at: number) => GroupPorts;
  /** Whose vectors are real; default all. With fewer the sum is not opened. */
  readonly isReal?: (at: number) => boolean;
  readonly costs?: Counting;
  /** Hears all that members are told. */
  readonly onTold?: (at: number, told: Told) => void;
  readonly onReceipt?: (at: number, receipt: Uint8Array) => void;
}

/** A round of one group in which all stay. Throws Error for a wrong mean. */
export async function playSession(group: BenchGroup, options: SessionOptions): Promise<Played> {
  const { ports, isReal = () => true, costs } = options;
  const update = sampleUpdate(group.encoding.dimension);
  const end = begun();
  const members = group.members.map((_, at) => {
    const own = options.portsOf?.(at) ?? ports;
    return new SessionMember(group, at, { update: isReal(at) ? update : null, ports: own, ...(costs && { costs }) });
  });
  const coordinator = new GroupCoordinator(group, ports, costs);
  const uploads = members.map(() => 0);
  const vectors: Uint8Array[] = [];
  const everyone = members.map((_, at) => at);
  const deliver = (at: number, sent: Sent): void => {
    uploads[at] += sent.head.length + (sent.body?.length ?? 0);
    if (sent.label === 'group-input' && sent.body !== null) vectors[at] = sent.body;
    const receipt = coordinator.take(at, sent);
    options.onReceipt?.(at, receipt);
    members[at].acknowledged(sent, receipt);
  };
  for (const at of everyone) deliver(at, members[at].begin());
  while (coordinator.state.stage !== 'opened') {
    coordinator.closeAnswered();
    for (const at of everyone) {
      const told = coordinator.tell(at);
      options.onTold?.(at, told);
      const sent = await members[at].hear(told);
      if (sent !== null) deliver(at, sent);
    }
  }
  const mean = everyone.every(isReal) ? await coordinator.mean(await coordinator.open(at => vectors[at])) : null;
  const cost = end();
  if (mean !== null) expectMean(mean, update);
  return { cost, uploads };
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
