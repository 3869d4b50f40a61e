/** What the coordinator remembers: runs, accepted messages, closed rounds, refusals, releases. One port, one atomic write. */
import type { Measured } from '../core/learning/quality.ts';
import type { Evaluation } from '../core/learning/trainer.ts';
import type { PrivacyEvent } from '../core/privacy/event.ts';
import type { NoisyCounts } from '../core/privacy/randomizers.ts';
import type { RoundNoise } from '../core/privacy/round-noise.ts';
import type { DeclineCode } from '../core/protocol/decline.ts';
import type { ProblemCode } from '../core/protocol/problem.ts';
import type { Stopping } from './stopping.ts';

export type Phase = 'queued' | 'training' | 'evaluating' | 'finished' | 'stopped';

/** An update that passed admission, or the mean of an opened group: everything about it but the tensor, which lies in a blob. */
export interface Received {
  /** Of a mean the name of the group. */
  readonly client: string;
  /** Hex SHA-256 of the tensor. */
  readonly tensor: string;
  readonly examples: number;
  /** After the cap. */
  readonly weight: number;
  readonly norm: number;
  /** Null under privacy. */
  readonly loss: number | null;
  readonly steps: number;
  /** Quality of the model the round started from, on this client's test rows. */
  readonly evaluation: Evaluation | null;
  /** What a client says where the clip bound follows the norms; null elsewhere. */
  readonly withinClip: boolean | null;
}

/** Where a private run stands. */
export interface RunPrivacy {
  /** Noise and clip bound of the open round: decided by what the rounds before have shown, so never decided anew. */
  readonly noise: RoundNoise;
  /** The budget did not allow another round: the run ended after the one before. */
  readonly isSpent: boolean;
}

export interface EvaluationRecord {
  /** Of a sum the name of the group. */
  readonly client: string;
  /** How many sites the figures are the sum of; absent for those of one. */
  readonly sites?: number;
  /** Null for a site without test rows. */
  readonly evaluation: Evaluation | null;
  readonly alone: Evaluation | null;
  /** Null without privacy. */
  readonly noisyCounts: NoisyCounts | null;
}

/** One group of an open round. */
export interface GroupRecord {
  /** `group-1`, …: stands for its sum wherever the name of a client stands for an update. */
  readonly name: string;
  /** Bytes of the manifest. */
  readonly manifest: Uint8Array;
  /** Names of its members, in the order of the manifest. */
  readonly members: readonly string[];
  /** Steps that have closed, 0 to 5. */
  readonly closed: number;
  /** Members that declined or were revoked, and after how many closed steps. */
  readonly gone: readonly { readonly at: number; readonly step: number }[];
  /** When the open step closes with what it has, ms since the epoch; null where none is open. */
  readonly stepDeadlineAt: number | null;
  /** Null while the session goes on. */
  readonly outcome: 'opened' | 'void' | null;
  /** Places of the members whose inputs the sum is of; empty before they are fixed. */
  readonly survivors: readonly number[];
  /** Why there is no sum, in words. */
  readonly why: string | null;
}

/** What is left of a group when its round is over. */
export interface GroupReport {
  readonly members: readonly string[];
  /** Whose inputs its sum is of; empty where it was not opened. */
  readonly survivors: readonly string[];
  readonly outcome: 'opened' | 'void';
  readonly why: string | null;
  /** Members that broke the protocol, as their own signed messages show. */
  readonly blamed: readonly string[];
}

/** What a run remembers of the set whose sum was agreed on last: without privacy the next one may not change freely (`group-memory.ts`). */
export interface LastSet {
  /** Names, sorted. */
  readonly survivors: readonly string[];
  /** Hex SHA-256 of the model that they trained from. */
  readonly model: string;
  /** The round in which they were shown it last. */
  readonly round: number;
  /** The round in which the set became what it is. */
  readonly changed: number;
}

/** What the coin of an epoch has dealt: the groups of all its rounds. */
export interface Deal {
  /** From 0: `redrawRounds` rounds each. */
  readonly epoch: number;
  readonly draw: number;
  /** Bytes of the evidence (`core/secagg/coin-message.ts`). */
  readonly coin: Uint8Array;
  /** All that were dealt, in ascending order of their certificates' hashes. */
  readonly cohort: readonly { readonly name: string; readonly certificate: Uint8Array }[];
  /** Places in the cohort, ascending. */
  readonly groups: readonly (readonly number[])[];
  /** As `lastSet`, for each group. */
  readonly sets: readonly (LastSet | null)[];
}

/** The draw of an epoch's coin that is under way, or that the next round needs. */
export interface Toss {
  /** `due`: nobody was asked yet. `spent`: the epoch has had its draws, and none gave a coin. */
  readonly stage: 'due' | 'commit' | 'reveal' | 'spent';
  readonly epoch: number;
  readonly draw: number;
  /** Clients that were there when the parties were asked. */
  readonly clients: number;
  /** As in a deal; null before all have committed. */
  readonly cohort: Deal['cohort'] | null;
  /** Signed commitments, by party, each with the certificate (DER) of its signer. */
  readonly commits: readonly { readonly party: string; readonly document: Uint8Array; readonly envelope: Uint8Array }[];
  readonly reveals: readonly { readonly party: string; readonly envelope: Uint8Array }[];
  /** Until when the parties are waited for, ms since the epoch. */
  readonly deadlineAt: number | null;
  /** Why the draws before were void, in words; empty before any was. */
  readonly why: string;
}

/** One run of one task, as it stands between two atomic writes. */
export interface Run {
  /** Hex SHA-256 of the task: the run's identity. */
  readonly task: string;
  readonly name: string;
  readonly phase: Phase;
  /** The current round, 1-based; one beyond the last that was combined while the final model is evaluated, and after it. */
  readonly round: number;
  readonly rounds: number;
  /** Clients asked in the current round; null while the round waits for enough of them. */
  readonly cohort: readonly string[] | null;
  /** How often the current round asked anew, 0 at first. */
  readonly attempt: number;
  /** Clients that were asked in an earlier attempt at this round and gave no update that counts: asked again only when nobody else is left. */
  readonly passedOver: readonly string[];
  /** How many answers close the round early. */
  readonly target: number;
  /** Milliseconds since the epoch: when the open round closes, or until when a waiting one spares those passed over. */
  readonly deadlineAt: number | null;
  readonly received: readonly Received[];
  readonly evaluations: readonly EvaluationRecord[];
  /** Clients whose message for the current round was refused after it verified. */
  readonly refused: readonly string[];
  /**
   * Clients whose message for the current round was refused for what it holds, and who have sent no good one since: each is one of
   * the liars that the rule has to bear (f). Declines and revoked clients are not among them.
   */
  readonly offenders: readonly string[];
  /** Groups of the open round, under protection `group`; null while none is open, and elsewhere. */
  readonly groups: readonly GroupRecord[] | null;
  /** Rounds that ended without a result, and left the model as it was: their numbers are used up. */
  readonly voids: number;
  /** Null before a group has agreed on its set, and elsewhere. */
  readonly lastSet: LastSet | null;
  /** What the newest coin has dealt; null before the first, and without coin parties. */
  readonly deal: Deal | null;
  /** Null before the first draw, after a deal, and without coin parties. */
  readonly toss: Toss | null;
  /** Clients whose own messages show that they broke the protocol of their group: not asked again in this run. Sorted. */
  readonly blamed: readonly string[];
  /** Early stopping; null before there is anything to compare with, and where the task does not ask. */
  readonly stopping: Stopping | null;
  /** Null for a task without privacy. */
  readonly privacy: RunPrivacy | null;
  /** Hex SHA-256 of the current global parameters, and their number. */
  readonly model: string;
  readonly parameters: number;
  /** How much of the target column 1 in the labels stands for; 1 for classes. */
  readonly unit: number;
  readonly order: number;
  readonly openedAt: number | null;
  readonly submittedAt: number;
  readonly finishedAt: number | null;
  readonly problem: string | null;
}

/** A closed round, for progress and history. */
export interface RoundReport {
  readonly task: string;
  readonly round: number;
  readonly cohort: number;
  readonly combined: readonly string[];
  /**
   * What each update counted with, in the order of `combined`: the aggregate is Σ weight·update (and what the rule adds of its own, the
   * centre of a clipping). Null for a rule that takes each coordinate from other clients, and where a weight would tell a norm that privacy keeps.
   */
  readonly weights: readonly number[] | null;
  readonly dropped: readonly string[];
  /** Who declined or sent what is no update, when the round asked last, and whoever counted as an offender at its close. */
  readonly refused: readonly string[];
  /** Training loss that the clients report: the mean, weighted as the task declares; where the task bears liars the median. Null under privacy. */
  readonly loss: number | null;
  /**
   * Quality of the model the round *started* from, which the round before made: sums over the clients that evaluated it. Numbers are in
   * the scaled units of the labels. Claims of the clients: a liar among them moves it as far as it likes.
   */
  readonly evaluation: Measured | null;
  readonly model: string;
  readonly milliseconds: number;
  /**
   * Under protection `group`: `combined` and `weights` are of groups then, and a round without any is void: the model is that of the round
   * before. Null elsewhere.
   */
  readonly groups: readonly GroupReport[] | null;
}

export interface Refusal {
  readonly task: string | null;
  readonly round: number | null;
  readonly client: string | null;
  /** What it is counted under; of a decline with its reason. */
  readonly code: ProblemCode | DeclineCode;
  readonly at: number;
}

/** A privacy-relevant release, recorded in the same write as what it releases. */
export interface ReleaseEvent {
  readonly task: string;
  readonly round: number;
  readonly kind: 'aggregate';
  /** `none`: nothing bounds what the aggregate reveals. Else the noise of the round and the event that accountants read. */
  readonly privacy: 'none' | { readonly noiseMultiplier: number; readonly event: PrivacyEvent };
  readonly clients: number;
}

export interface MessageKey {
  readonly task: string;
  readonly round: number;
  readonly label: string;
  readonly sender: string;
}

export type Write =
  | { readonly put: 'run'; readonly run: Run }
  /** Refused by the store (StoreConflict) when the key exists: a message is accepted once. */
  | { readonly put: 'message'; readonly key: MessageKey; readonly payload: Uint8Array; readonly envelope: Uint8Array }
  | { readonly put: 'round'; readonly report: RoundReport }
  | { readonly put: 'refusal'; readonly refusal: Refusal; readonly evidence: Uint8Array | null }
  | { readonly put: 'release'; readonly event: ReleaseEvent }
  | { readonly put: 'setting'; readonly name: string; readonly value: string };

/** A message with this key is stored already. */
export class StoreConflict extends Error {
  override readonly name = 'StoreConflict';
}

export interface CoordinatorStore {
  /** All writes or none, durable when it resolves. */
  commit(writes: readonly Write[]): Promise<void>;
  runs(): Promise<Run[]>;
  /** Payload digest and envelope of an accepted message, or null. */
  message(key: MessageKey): Promise<{ payload: Uint8Array; envelope: Uint8Array } | null>;
  /** Reports of the closed rounds beyond `after`, in order. */
  rounds(task: string, after: number): Promise<RoundReport[]>;
  /** Number of refusals per client and code, of a task or of all. */
  refusals(task?: string): Promise<{ client: string | null; code: string; count: number }[]>;
  releases(task: string): Promise<ReleaseEvent[]>;
  setting(name: string): Promise<string | null>;
}
