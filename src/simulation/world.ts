/**
 * A federation in one process: the coordinator and the clients are the code that runs in production; time, network,
 * disks and identities are simulated. The same settings give the same run, byte for byte, whatever the machine.
 */

import type { CoordinatorChannel } from '../client/channel.ts';
import { runClient } from '../client/client.ts';
import { type CertifiedMember, defaultPolicy, type MemberPorts } from '../client/group-ports.ts';
import { Coordinator } from '../coordinator/coordinator.ts';
import type { RunStatus } from '../coordinator/status.ts';
import { carryOut } from '../core/aggregation/aggregation-order.ts';
import { blobVectors } from '../core/aggregation/blob-vectors.ts';
import type { Cohort } from '../core/aggregation/cohort.ts';
import { serialCohort } from '../core/aggregation/serial-cohort.ts';
import { toHex } from '../core/bytes/floats.ts';
import type { Primitives, Signer } from '../core/crypto/primitives.ts';
import type { Trainer } from '../core/learning/trainer.ts';
import { FloatPool } from '../core/math/float-pool.ts';
import type { Clock, LogEvent, Step } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { Task } from '../core/protocol/task.ts';
import type { GroupPorts } from '../core/secagg/group-ports.ts';
import { leastHonest } from '../core/secagg/thresholds.ts';
import { type Turns, VirtualClock } from './clock.ts';
import type { StorageFaults } from './crashed.ts';
import { build, type ClientDisk, type CoordinatorDisk, memoryClientDisk, memoryCoordinatorDisk } from './disk.ts';
import { answer, memoryChannel } from './exchange.ts';
import { coordinatorParty, type Fault, FaultPlan } from './faults.ts';
import { type Hashing, hashingOn } from './hashing.ts';
import { beginLife, fence, fenceBlobs, fenceClock, fenceLedger, type Life, never, within } from './life.ts';
import { type Identity, simulatedIdentity, verifySimulated } from './membership.ts';
import { type Arriving, ConnectionLost, Network, type Reply } from './network.ts';
import { outsideBlobs } from './outside-blobs.ts';
import { ShownModels } from './shown-models.ts';
import { streamOf } from './stream.ts';

/** What a simulation needs of its platform. */
export interface SimulationPorts extends Turns {
  readonly primitives: Primitives;
  /** A signer for a 32-byte Ed25519 seed. */
  readonly signerOf: (seed: Uint8Array) => Signer;
  /** For tasks with protection group; without it nobody takes part in one. */
  readonly group?: GroupPorts;
}

export interface SimulatedClient {
  readonly name: string;
  /**
   * Opens the site's data. Called again after each crash; `clock` is virtual, for a trainer that takes time.
   * Null: no client runs under this name; `World.connect` speaks for it.
   */
  readonly trainerFor: ((task: Task, clock: Clock) => Promise<Trainer>) | null;
}

export interface WorldSettings {
  readonly ports: SimulationPorts;
  /** Seeds latencies, start times and losses; 0 to 2^53 − 1. What is trained has the task's own seed. */
  readonly seed: number;
  readonly clients: readonly SimulatedClient[];
  readonly faults?: readonly Fault[];
  /** Every message is lost with this probability, 0 ≤ p < 1, beside the faults. */
  readonly dropShare?: number;
  /**
   * Digests made beside this thread. Without it they are made here, and a run is the same to the byte; with it, what
   * happens at one instant may happen in another order.
   */
  readonly hashing?: Hashing;
  /** Room for updates shared by all clients; without it every update has memory of its own. */
  readonly vectors?: FloatPool;
  /** How much virtual time work beside this thread may take. Default 0: time stands still meanwhile. */
  readonly patienceMs?: number;
  /** Default: in memory. Its blobs may take real time. */
  readonly coordinatorDisk?: CoordinatorDisk;
  readonly clientDisk?: (name: string) => ClientDisk;
  /** Hears every line of every party's log. */
  readonly onLog?: (party: string, event: LogEvent) => void;
}

const federation = 'simulation';
/** Clients start within so many milliseconds of each other. */
const startSpreadMs = 50;
/** An operator whose task was not taken, and a process that could not start, try again after so long. */
const retryMs = 1000;

interface Party {
  readonly name: string;
  readonly identity: Identity;
  life: Life;
  /** How far the party's clock is off, ms. */
  clockOffsetMs: number;
}

export class World {
  readonly clock: VirtualClock;
  /** Errors that no peer, network or disk may cause: defects. A test expects none. */
  readonly defects: unknown[] = [];
  /** Clients that ended because the federation refused them for good. */
  readonly ended: string[] = [];
  /** Serial numbers that the revocation list names; a test adds to it. */
  readonly revoked = new Set<string>();
  readonly #shown: ShownModels;
  readonly #settings: WorldSettings;
  readonly #plan: FaultPlan;
  readonly #network: Network;
  readonly #primitives: Primitives;
  readonly #coordinatorDisk: CoordinatorDisk;
  readonly #coordinatorParty: Party;
  readonly #clients = new Map<
    string,
    Party & { readonly disk: ClientDisk; readonly trainerFor: SimulatedClient['trainerFor'] }
  >();
  readonly #stop = new AbortController();
  readonly #tasks: unknown[] = [];
  #coordinator: Coordinator | null = null;

  constructor(settings: WorldSettings) {
    const { ports, seed, clients, faults = [], dropShare = 0 } = settings;
    this.#settings = settings;
    this.clock = new VirtualClock(ports, settings.patienceMs);
    this.#primitives = { ...ports.primitives, ...hashingOn(this.clock, ports.primitives, settings.hashing) };
    this.#shown = new ShownModels(this.#primitives);
    const losses = streamOf(seed, 'losses');
    this.#plan = new FaultPlan(faults, dropShare === 0 ? undefined : () => losses.float64() < dropShare);
    this.#network = new Network(this.clock, this.#plan, seed);
    this.#coordinatorDisk =
      settings.coordinatorDisk ?? memoryCoordinatorDisk(this.#fullDisk(coordinatorParty), this.#primitives);
    this.#coordinatorParty = this.#party('coordinator', coordinatorParty);
    for (const { name, trainerFor } of clients) {
      if (this.#clients.has(name) || name === coordinatorParty)
        throw new RangeError(`world: two parties are called ${name}`);
      const disk = settings.clientDisk?.(name) ?? memoryClientDisk(this.#fullDisk(name), this.#primitives);
      this.#clients.set(name, { ...this.#party('client', name), disk, trainerFor });
    }
    this.#schedule(seed);
  }

  /** Gives the coordinator a task, again after each of its crashes: the same task is the same run. */
  submit(task: unknown): void {
    this.#tasks.push(task);
    if (this.#coordinator !== null) void this.#submitTo(this.#coordinator, this.#coordinatorParty.life, task);
  }

  /**
   * Lets time pass until every run has ended. False when they have not after `limitMs` of virtual time since the
   * beginning, or when `isPointless` answers true before. Parties that are down then stay down.
   */
  async run(limitMs: number, isPointless: () => boolean = () => false): Promise<boolean> {
    await this.clock.run(() => this.#isOver() || isPointless(), limitMs);
    const done = this.#isOver();
    this.#stop.abort();
    this.#coordinator?.close();
    return done;
  }

  /** The coordinator as it lives now. Throws RangeError while it is down. */
  get coordinator(): Coordinator {
    if (this.#coordinator === null) throw new RangeError('world: the coordinator is down');
    return this.#coordinator;
  }

  /** Digests of the models that were shown, by `task/round`: one each, whatever happens. */
  get shown(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#shown.digests;
  }

  /** Names of all parties. */
  get parties(): string[] {
    return [coordinatorParty, ...this.#clients.keys()];
  }

  /** What the coordinator has on disk. */
  get coordinatorDisk(): CoordinatorDisk {
    return this.#coordinatorDisk;
  }

  /** Status of the run that was submitted first. Throws RangeError while the coordinator is down. */
  async status(): Promise<RunStatus> {
    const [run] = this.coordinator.runs();
    if (run === undefined) throw new RangeError('world: no task was submitted');
    return this.coordinator.status(run.task, { after: -1, waitMs: 0, sinceRound: 0 });
  }

  /** A member's identity and line to the coordinator, for a test that plays the member itself. */
  connect(name: string): {
    readonly federation: string;
    readonly identity: Identity;
    readonly channel: CoordinatorChannel;
  } {
    const party = this.#clients.get(name);
    if (party === undefined) throw new RangeError(`world: there is no client ${name}`);
    return { federation, identity: party.identity, channel: memoryChannel(this.#network, name, beginLife(1)) };
  }

  #party(role: 'client' | 'coordinator', name: string): Party {
    const identity = simulatedIdentity(role, name, this.#primitives, this.#settings.ports.signerOf);
    const unborn = beginLife(0);
    unborn.end();
    return { name, identity, life: unborn, clockOffsetMs: 0 };
  }

  #fullDisk(party: string): StorageFaults {
    return {
      beforeCommit: () => {
        if (this.#plan.commit(party)) throw new Problem('storage-full');
      },
    };
  }

  #schedule(seed: number): void {
    const random = streamOf(seed, 'starts');
    this.clock.after(0, () => void this.#startCoordinator());
    for (const name of this.#clients.keys())
      this.clock.after(random.below(startSpreadMs), () => this.#startClient(name));
    for (const fault of this.#plan.timed) {
      if (!('ms' in fault.at)) continue;
      const { party, ms } = fault.at;
      if (fault.do === 'jump') this.clock.after(ms, () => this.#jump(party, fault.ms));
      if (fault.do === 'crash') this.clock.after(ms, () => this.#kill(party, fault.ms));
    }
  }

  async #startCoordinator(): Promise<void> {
    const party = this.#coordinatorParty;
    const life = beginLife(party.life.generation + 1);
    party.life = life;
    const { identity } = party;
    const blobs = fenceBlobs(life, outsideBlobs(this.clock, this.#coordinatorDisk.blobs));
    const openCohort = async (keys: readonly string[], length: number): Promise<Cohort> =>
      serialCohort(await blobVectors(blobs, keys, length));
    try {
      const coordinator = await within(life, () =>
        Coordinator.open({
          ...this.#common(party, life),
          federation,
          identity: () => ({ signer: identity.signer, certificate: identity.certificate }),
          verifyCertificate: document => verifySimulated(document, this.#primitives),
          isRevoked: serial => this.revoked.has(serial),
          store: fence(life, this.#coordinatorDisk.store),
          blobs,
          privacy: fenceLedger(life, this.#coordinatorDisk.privacy),
          build,
          openCohort,
          aggregate: order => carryOut(order, openCohort),
          group: this.#settings.ports.group ?? null,
        }),
      );
      this.#coordinator = coordinator;
      const registered = new Set<string>();
      this.#network.listen((client, request, gone) => {
        if (!registered.has(client)) coordinator.register(client, this.#client(client).identity.document);
        registered.add(client);
        return this.#answer(coordinator, life, client, request, gone);
      });
      for (const task of this.#tasks) void this.#submitTo(coordinator, life, task);
    } catch (error) {
      this.#noteDefect(error);
      this.#kill(coordinatorParty, retryMs);
    }
  }

  async #submitTo(coordinator: Coordinator, life: Life, task: unknown): Promise<void> {
    try {
      await within(life, () => coordinator.submit(task));
    } catch (error) {
      this.#noteDefect(error);
      this.clock.after(retryMs, () => {
        if (life.alive) void this.#submitTo(coordinator, life, task);
      });
    }
  }

  #startClient(name: string): void {
    const party = this.#client(name);
    const { identity, disk, trainerFor } = party;
    if (trainerFor === null) return;
    const life = beginLife(party.life.generation + 1);
    party.life = life;
    const coordinator = this.#coordinatorParty.identity;
    const common = this.#common(party, life);
    const ports = {
      ...common,
      federation,
      name,
      identity: () => ({ signer: identity.signer, certificate: identity.certificate }),
      coordinatorKey: (certificate: Uint8Array) =>
        toHex(certificate) === toHex(coordinator.certificate) ? coordinator.signer.publicKey : null,
      channel: fence(life, memoryChannel(this.#network, name, life)),
      trainerFor: (task: Task) => within(life, async () => fence(life, await trainerFor(task, common.clock))),
      outbox: fence(life, disk.outbox),
      privacy: fenceLedger(life, disk.privacy),
      // Messages in flight may be delivered again later: their bytes must not change, unless the caller knows better.
      vectors: this.#settings.vectors ?? new FloatPool(0),
      blobs: fenceBlobs(life, disk.blobs),
      group: this.#memberPorts(),
    };
    within(life, () => runClient(ports, this.#stop.signal)).catch(error => {
      if (error instanceof Problem) this.ended.push(`${name}: ${error.code}`);
      else this.defects.push(error);
    });
  }

  /** Members of simulated groups take any task that has groups. */
  #memberPorts(): MemberPorts | null {
    const { group } = this.#settings.ports;
    if (group === undefined) return null;
    const verifyMember = (document: Uint8Array): CertifiedMember => {
      const { serial, ...member } = verifySimulated(document, this.#primitives);
      if (this.revoked.has(serial)) throw new Problem('revoked');
      return member;
    };
    return { ...group, verifyMember, policy: { ...defaultPolicy, honest: leastHonest }, build };
  }

  #common(party: Party, life: Life) {
    const clock = fenceClock(life, this.clock);
    return {
      primitives: this.#primitives,
      clock: { now: () => clock.now() + party.clockOffsetMs, after: clock.after },
      log: (event: LogEvent): void => {
        if (!life.alive) return;
        this.#settings.onLog?.(party.name, event);
      },
      step: (step: Step): void | Promise<void> => {
        if (!life.alive) return never();
        const awayMs = this.#plan.step(party.name, step);
        if (awayMs === null) return;
        this.#kill(party.name, awayMs);
        return never();
      },
    };
  }

  async #answer(
    coordinator: Coordinator,
    life: Life,
    client: string,
    request: Arriving,
    gone: AbortSignal,
  ): Promise<Reply> {
    return within(life, async () => {
      const reply = await answer(coordinator, client, request, gone, error => this.#noteDefect(error));
      if (request.message === 'model' && reply.code === 'ok') this.#shown.note(request, reply.body);
      return reply;
    });
  }

  #kill(name: string, awayMs: number): void {
    const isCoordinator = name === coordinatorParty;
    const party = isCoordinator ? this.#coordinatorParty : this.#client(name);
    if (!party.life.alive) return;
    party.life.end();
    if (isCoordinator) {
      this.#coordinator = null;
      this.#network.down();
    }
    this.clock.after(awayMs, () => (isCoordinator ? void this.#startCoordinator() : this.#startClient(name)));
  }

  #jump(name: string, byMs: number): void {
    const party = name === coordinatorParty ? this.#coordinatorParty : this.#client(name);
    party.clockOffsetMs += byMs;
  }

  #client(name: string) {
    const party = this.#clients.get(name);
    if (party === undefined) throw new RangeError(`world: there is no party ${name}`);
    return party;
  }

  #isOver(): boolean {
    const runs = this.#coordinator?.runs() ?? [];
    return (
      runs.length > 0 &&
      runs.length >= this.#tasks.length &&
      runs.every(r => r.phase === 'finished' || r.phase === 'stopped')
    );
  }

  #noteDefect(error: unknown): void {
    if (error instanceof Problem || error instanceof ConnectionLost) return;
    this.defects.push(error);
  }
}
