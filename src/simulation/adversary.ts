/** The adversary of a simulation: knows what honest clients send in a round, and what the clients on its side send follows from it. */
import type { Primitives } from '../core/crypto/primitives.ts';
import { clipToNorm } from '../core/learning/clip.ts';
import type { Trainer, TrainRequest, TrainResult } from '../core/learning/trainer.ts';
import type { LogEvent } from '../core/protocol/ports.ts';
import { Problem } from '../core/protocol/problem.ts';
import { encodeTask, type Task, trainingSeed } from '../core/protocol/task.ts';
import { KnownMomenta } from './known-momenta.ts';
import { type MaliciousUpdate, maliciousUpdate, type UpdateAttack } from './malicious-update.ts';
import { streamOf } from './stream.ts';
import { TrainingOnce } from './training-once.ts';

export interface AdversarySettings {
  readonly task: Task;
  readonly attack: UpdateAttack;
  /** Null: the default of the attack. */
  readonly factor: number | null;
  /** All clients. */
  readonly clients: readonly string[];
  readonly attackers: readonly string[];
  /** Seeds the noise that attackers send. */
  readonly seed: number;
  readonly primitives: Pick<Primitives, 'sha256'>;
  /** A client's own honest trainer; opened once. */
  readonly open: (client: string) => Trainer;
  /** Training examples that a client reports. */
  readonly examplesOf: (client: string) => number;
  /** The cohort of the round that is open; null where it is not known. */
  readonly cohort: () => Promise<readonly string[] | null>;
}

interface Member {
  readonly trainer: Trainer;
  readonly once: TrainingOnce;
}

/** What all attackers of a round go by. */
interface Plan {
  readonly malicious: MaliciousUpdate;
  /** Mean loss that honest clients report; null where they tell none. */
  readonly loss: number | null;
}

/** What a client sends before clipping, beside what its training gave. */
interface HonestRound {
  readonly result: TrainResult;
  /** Null where it declines. */
  readonly sent: Float32Array | null;
}

/**
 * Omniscient: it trains what the honest clients of the cohort train, with their seeds, momentum and clipping, once for both. Its clients
 * collude: they send the same update, but for noise. They are the code of production with another trainer, so their own
 * clipping, weight and signature are as ever; they evaluate honestly and report their true number of examples and the mean honest loss.
 *
 * Of a private task it knows what is there before the noise on whole updates, and after the noise on steps; what its clients send is clipped
 * and noised like any other.
 *
 * An attacker sends what it wants to the float32 precision of global + update. Where no honest client of a round has a finite update it
 * declines like them.
 */
export class Adversary {
  readonly #settings: AdversarySettings;
  readonly #taskHash: Uint8Array;
  readonly #members = new Map<string, Member>();
  readonly #momenta: KnownMomenta;
  /** Clients that train for their alone baseline now: no round, so no attack. */
  readonly #alone = new Set<string>();
  readonly #factors = new Set<number>();
  #plan: { readonly round: number; readonly made: Promise<Plan> } | null = null;

  constructor(settings: AdversarySettings) {
    this.#settings = settings;
    this.#taskHash = settings.primitives.sha256(encodeTask(settings.task));
    this.#momenta = new KnownMomenta(settings.task.training.workerMomentum);
  }

  /** The factors that were used so far, ascending. */
  get factors(): readonly number[] {
    return [...this.#factors].sort((a, b) => a - b);
  }

  /** The trainer of a client, honest or not; for each of its lives. */
  trainerOf(client: string): Trainer {
    const { trainer } = this.#member(client);
    const attacks = this.#settings.attackers.includes(client);
    return {
      ...trainer,
      train: request => {
        if (this.#alone.has(client)) return trainer.train(request);
        if (attacks) return this.#attack(client, request);
        // Followed in every round, those without an attacker too: the next momentum depends on it.
        return this.#honestRound(client, request).then(({ result }) => result);
      },
    };
  }

  /** Must hear every line of every party's log. */
  note(party: string, { event }: LogEvent): void {
    if (event === 'alone-round') this.#alone.add(party);
  }

  async #attack(client: string, request: TrainRequest): Promise<TrainResult> {
    const { parameters, round } = request;
    const { seed, examplesOf } = this.#settings;
    const { malicious, loss } = await this.#planOf(request);
    const wanted = malicious.vectorFor(streamOf(seed, `attack/${client}/${round}`));
    const difference = this.#momenta.differenceFor(client, round, wanted);
    const sent = parameters.map((value, k) => value + difference[k]);
    this.#momenta.sent(client, round, differenceOf(sent, parameters));
    return { parameters: sent, examples: examplesOf(client), steps: 1, loss };
  }

  #planOf(request: TrainRequest): Promise<Plan> {
    const { round } = request;
    if (this.#plan?.round !== round) this.#plan = { round, made: this.#makePlan(request) };
    return this.#plan.made;
  }

  async #makePlan(request: TrainRequest): Promise<Plan> {
    const { clients, attackers, attack, factor } = this.#settings;
    const cohort = (await this.#settings.cohort()) ?? clients;
    const isHonest = (client: string): boolean => !attackers.includes(client);
    const honestOnes = cohort.filter(isHonest);
    const honest: Float32Array[] = [];
    let loss: number | null = 0;
    // A cohort of attackers alone tells nothing: then those count who were not asked.
    for (const client of honestOnes.length > 0 ? honestOnes : clients.filter(isHonest)) {
      const made = await this.#honestUpdate(client, request);
      if (made === null) continue;
      honest.push(made.update);
      loss = loss === null || made.loss === null ? null : loss + made.loss;
    }
    if (honest.length === 0) throw new Problem('non-finite', 'no honest client has an update to work from');
    const counts = { clients: cohort.length, attackers: cohort.length - honestOnes.length };
    const malicious = maliciousUpdate(attack, factor, { honest, ...counts });
    this.#factors.add(malicious.factor);
    return { malicious, loss: loss === null ? null : loss / honest.length };
  }

  /** What an honest client sends in a round; null where it declines. */
  async #honestUpdate(
    client: string,
    { parameters, round, noiseMultiplier }: TrainRequest,
  ): Promise<{ readonly update: Float32Array; readonly loss: number | null } | null> {
    const seed = this.#settings.primitives.sha256(trainingSeed(this.#taskHash, round, client));
    try {
      const { result, sent } = await this.#honestRound(client, { parameters, round, seed, noiseMultiplier });
      if (sent === null) return null;
      return { update: clipToNorm(sent, this.#settings.task.aggregation.clipNorm), loss: result.loss };
    } catch (error) {
      // It says so to the coordinator itself.
      if (error instanceof Problem) return null;
      throw error;
    }
  }

  async #honestRound(client: string, request: TrainRequest): Promise<HonestRound> {
    const result = await this.#member(client).once.train(request);
    if (result.loss !== null && !Number.isFinite(result.loss)) return { result, sent: null };
    const difference = differenceOf(result.parameters, request.parameters);
    return { result, sent: this.#momenta.sent(client, request.round, difference) };
  }

  #member(client: string): Member {
    const known = this.#members.get(client);
    if (known !== undefined) return known;
    const trainer = this.#settings.open(client);
    const member = { trainer, once: new TrainingOnce(trainer) };
    this.#members.set(client, member);
    return member;
  }
}

function differenceOf(trained: Float32Array, global: Float32Array): Float32Array {
  return trained.map((value, k) => value - global[k]);
}
