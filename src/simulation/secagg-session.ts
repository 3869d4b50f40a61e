/**
 * One group session in a simulation: members and coordinator exchange bytes over a network that loses, delays, repeats and damages them,
 * while they crash. Virtual time only; the same seed gives the same session.
 */
import { compareBytes, encodeCbor } from '../core/bytes/cbor.ts';
import { sameBytes } from '../core/bytes/floats.ts';
import type { GroupPrimitives, Keystream } from '../core/crypto/group-primitives.ts';
import type { Signer } from '../core/crypto/primitives.ts';
import { Problem } from '../core/protocol/problem.ts';
import { applyMasks } from '../core/secagg/apply-masks.ts';
import type { Blame } from '../core/secagg/blame.ts';
import type { GroupMember } from '../core/secagg/group-machine.ts';
import { type GroupManifest, type Segment, sessionId } from '../core/secagg/manifest.ts';
import type { Mask } from '../core/secagg/mask.ts';
import { pack, packedBytes, unpack } from '../core/secagg/packing.ts';
import { groupThresholds } from '../core/secagg/thresholds.ts';
import { type Turns, VirtualClock } from './clock.ts';
import { SessionCoordinator } from './secagg-coordinator.ts';
import type { SessionFaults } from './secagg-faults.ts';
import { lyingPrimitives } from './secagg-lies.ts';
import { SessionLink } from './secagg-link.ts';
import { SessionMember } from './secagg-member.ts';
import { streamOf } from './stream.ts';

export interface SessionPlan {
  /** 0 to 2^53 − 1: everything that is drawn follows from it. */
  readonly seed: number;
  /** Honest inputs in every sum, and colluders: as `groupThresholds`. */
  readonly honest: number;
  readonly colluders: number | null;
  readonly segments: readonly Segment[];
  /** Of each member, in order, its words of each segment. */
  readonly inputs: readonly (readonly Int32Array[])[];
  readonly faults: SessionFaults;
  /** How long a step waits, and how long members train before the first at most, ms of virtual time. */
  readonly stepMs: number;
}

export interface SessionPorts {
  readonly primitives: GroupPrimitives;
  readonly keystream: Keystream;
  /** @param seed 32 bytes. */
  readonly signer: (seed: Uint8Array) => Signer;
  readonly turns: Turns;
}

export interface SessionResult {
  readonly outcome: 'opened' | 'void';
  readonly why: string | null;
  /** U1, U2, U3 as far as they were closed. */
  readonly present: readonly number[];
  readonly sharers: readonly number[];
  readonly survivors: readonly number[];
  /** Sum of the survivors' words of each segment, 0 to 2^bits − 1 (32 bits: as int32); null when void. */
  readonly sums: readonly Int32Array[] | null;
  readonly blamed: readonly Blame[];
  readonly manifest: GroupManifest;
  readonly members: readonly GroupMember[];
  readonly ends: readonly ('finished' | 'aborted' | 'died')[];
  /** Virtual time that it took. */
  readonly tookMs: number;
}

/** A step waits for so many of its own length at most before members give up. */
const patience = 30;

/** Runs a session to its end. Throws Error for one that is stuck: coordinator or a member still waits when every deadline is over. */
export async function runSession(plan: SessionPlan, ports: SessionPorts): Promise<SessionResult> {
  const { faults, stepMs, seed } = plan;
  const clock = new VirtualClock(ports.turns);
  const link = new SessionLink(clock, faults.link, seed);
  const cast = castOf(plan, ports);
  const coordinator = new SessionCoordinator({
    manifest: cast.manifest,
    members: cast.members,
    signer: cast.coordinator.signer,
    certificate: cast.coordinator.hash,
    primitives: ports.primitives,
    clock,
    link,
    crashes: faults.coordinator,
    trainMs: stepMs,
  });
  const members = cast.parties.map((_, at) => memberOf(at, cast, plan, ports, clock, link));
  coordinator.start();
  const random = streamOf(seed, 'session-training');
  for (const member of members) clock.after(random.below(stepMs), () => member.start());
  for (const { at, ms } of faults.revoked) clock.after(ms, () => coordinator.revoke(at));
  const isDone = (): boolean => coordinator.isOver && members.every(({ end }) => end !== null);
  if (!(await clock.run(isDone, 2 * patience * stepMs)))
    throw new Error(`session ${seed} is stuck in ${coordinator.state.stage}: ${members.map(({ end }) => end).join()}`);
  const { present, sharers, survivors, why, blamed } = coordinator.state;
  const sums = await openedSums(coordinator, plan, ports);
  return {
    outcome: sums === null ? 'void' : 'opened',
    ...{ why, present, sharers, survivors, sums, blamed },
    manifest: cast.manifest,
    members: cast.members,
    // Done: every member has an end.
    ends: members.map(({ end }) => end!),
    tookMs: clock.elapsed(),
  };
}

interface Party {
  readonly name: string;
  readonly signer: Signer;
  readonly certificate: Uint8Array;
  readonly hash: Uint8Array;
}

interface Cast {
  readonly manifest: GroupManifest;
  readonly members: readonly GroupMember[];
  /** Members in the order of the manifest. */
  readonly parties: readonly Party[];
  readonly coordinator: Party;
}

function castOf({ seed, inputs, honest, colluders, segments, stepMs }: SessionPlan, ports: SessionPorts): Cast {
  const { sha256 } = ports.primitives;
  const digest = (what: string): Uint8Array => sha256(encodeCbor(['simulation', seed, what]));
  const party = (name: string): Party => {
    const signer = ports.signer(digest(name));
    const certificate = encodeCbor([name, signer.publicKey]);
    return { name, signer, certificate, hash: sha256(certificate) };
  };
  const parties = inputs.map((_, i) => party(`site-${i + 1}`)).sort((a, b) => compareBytes(a.hash, b.hash));
  const manifest: GroupManifest = {
    federation: 'simulation',
    task: digest('task'),
    round: 1,
    kind: 'train',
    group: 0,
    groups: 1,
    members: parties.map(({ hash }) => hash),
    draw: digest('draw'),
    thresholds: groupThresholds(inputs.length, { honest, colluders }),
    segments,
    scaleBits: 16,
    clipNorm: 1,
    weightMax: null,
    model: digest('model'),
    code: digest('code'),
    plan: null,
    stepMs,
  };
  const members = parties.map(({ name, certificate, signer: { publicKey } }, at) => ({
    at,
    name,
    certificate,
    publicKey,
  }));
  return { manifest, members, parties, coordinator: party('coordinator') };
}

function memberOf(
  at: number,
  { manifest, parties, coordinator }: Cast,
  plan: SessionPlan,
  ports: SessionPorts,
  clock: VirtualClock,
  link: SessionLink,
): SessionMember {
  const { faults, segments, stepMs } = plan;
  const { certificate, signer, name } = parties[at];
  const random = streamOf(plan.seed, `session-${name}`);
  const randomBytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => random.below(256));
  const lie = faults.liars.get(at);
  return new SessionMember({
    session: {
      manifest,
      sid: sessionId(manifest, ports.primitives),
      at,
      certificate: ports.primitives.sha256(certificate),
      policy: { honest: plan.honest, colluders: 0, setChanges: 'shrink' },
      isPrivate: false,
      redrawRounds: 10,
    },
    secrets: { root: randomBytes(32), self: randomBytes(32), channel: randomBytes(32) },
    signer,
    primitives: lyingPrimitives(lie, { ...ports.primitives, randomBytes }),
    coordinator: { publicKey: coordinator.signer.publicKey, certificate: coordinator.hash },
    peerOf: (peer, bytes) => peerOf(peer, bytes, parties),
    mask: masks => maskedInput(masks, plan.inputs[at], segments, ports),
    clock,
    link,
    crash: faults.crashes.find(crash => crash.at === at),
    lie,
    patienceMs: patience * stepMs,
  });
}

function peerOf(at: number, bytes: Uint8Array, parties: readonly Party[]) {
  const party = parties.find(({ certificate }) => sameBytes(certificate, bytes));
  if (party === undefined) throw new Problem('bad-request', 'session: not a certificate');
  const { hash: certificate, signer, name } = party;
  return { at, certificate, publicKey: signer.publicKey, organisation: name, name };
}

async function maskedInput(
  masks: readonly Mask[],
  input: readonly Int32Array[],
  segments: readonly Segment[],
  ports: SessionPorts,
): Promise<Uint8Array> {
  const packed: Uint8Array[] = [];
  for (const [i, segment] of segments.entries()) {
    const words = input[i].slice();
    await applyMasks(masks, maskSegment(segment), words, ports.keystream, ports.primitives);
    packed.push(pack(words, segment.bits));
  }
  return Uint8Array.from(packed.flatMap(part => [...part]));
}

async function openedSums(
  coordinator: SessionCoordinator,
  { segments }: SessionPlan,
  ports: SessionPorts,
): Promise<readonly Int32Array[] | null> {
  const { opening } = coordinator.state;
  if (opening === null) return null;
  const sums: Int32Array[] = [];
  let from = 0;
  for (const segment of segments) {
    const sum = new Int32Array(segment.words);
    const to = from + packedBytes(segment.words, segment.bits);
    for (const at of opening.survivors) {
      const words = unpack(coordinator.input(at).subarray(from, to), segment.bits, segment.words);
      for (const [i, word] of words.entries()) sum[i] += word;
    }
    await applyMasks(opening.masks, maskSegment(segment), sum, ports.keystream, ports.primitives);
    sums.push(sum);
    from = to;
  }
  return sums;
}

function maskSegment({ label, words, bits }: Segment) {
  return { label, length: words, bits };
}
