/** Whether a coin is one: everything that its parties signed, checked by whoever is dealt into a group by it, or is about to reveal for it. */
import { sameBytes } from '../bytes/floats.ts';
import { decodeEnvelope, type Envelope, verifyEnvelope } from '../crypto/envelope.ts';
import type { Primitives } from '../crypto/primitives.ts';
import { Problem } from '../protocol/problem.ts';
import { checkCommitments, checkReveals, coinOf, type DrawContext, drawRoot, type PartyValue } from './coin.ts';
import { type Committed, coinLabels, parseCoinCommit, parseCoinEvidence, parseCoinReveal } from './coin-message.ts';

/** What a certificate of a coin party says. */
interface Certified {
  /** SHA-256 of the certificate. */
  readonly certificate: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly role: string;
}

export interface CoinRules {
  readonly federation: string;
  /** Hash of the task, 32 bytes. */
  readonly task: Uint8Array;
  /** Names of the coin parties, as the task has them. */
  readonly parties: readonly string[];
  /** Of the round in which a coin is used, or about to be. */
  readonly epoch: number;
  /** Verifies a certificate of this federation. Throws Problem. */
  readonly verifyMember: (certificate: Uint8Array) => Certified;
  readonly primitives: Primitives;
}

/** A coin that all its parties stand for, and which draw gave it. */
export interface VerifiedCoin {
  /** 32 bytes. */
  readonly coin: Uint8Array;
  readonly epoch: number;
  readonly draw: number;
}

/** Rounds whose groups are dealt by one coin. @param round 1-based. */
export function epochOf(round: number, { redrawRounds }: { readonly redrawRounds: number }): number {
  return Math.floor((round - 1) / redrawRounds);
}

/**
 * The coin that deals this cohort in this epoch. Throws Problem `bad-request` unless every party of the task, and nobody else, has signed its
 * commitment and its reveal in one draw of the epoch, each reveal for exactly this cohort.
 *
 * @param cohort certificate hashes, ascending.
 */
export function verifyCoin(evidence: Uint8Array, cohort: readonly Uint8Array[], rules: CoinRules): VerifiedCoin {
  const parties = parseCoinEvidence(evidence);
  return refusing(() => {
    const { draw } = parseCoinCommit(decodeEnvelope(parties[0].commit).payload);
    const { context, commitments, round, signers } = verifyCommitted(parties, draw, null, rules);
    const root = drawRoot(context, cohort, commitments, rules.primitives);
    const reveals = parties.map(({ reveal }, i): PartyValue => {
      const envelope = decodeEnvelope(reveal);
      verifySigned(envelope, coinLabels.reveal, signers[i], round, rules);
      const told = parseCoinReveal(envelope.payload);
      if (told.epoch !== context.epoch || told.draw !== draw)
        throw new Problem('draw-altered', 'a reveal of another draw');
      if (!sameBytes(told.root, root)) throw new Problem('draw-altered', 'a reveal for another cohort');
      return { party: signers[i].certificate, value: told.secret };
    });
    checkReveals(context, commitments, reveals, rules.primitives);
    return { coin: coinOf(root, reveals, rules.primitives), epoch: context.epoch, draw };
  });
}

/**
 * The commitments of a draw, each signed by a party that the task names, none missing. Throws Problem `bad-request`.
 *
 * @param round that they were made in.
 */
export function verifyCommitments(
  committed: readonly Committed[],
  draw: number,
  round: number,
  rules: CoinRules,
): { readonly context: DrawContext; readonly commitments: readonly PartyValue[] } {
  return refusing(() => verifyCommitted(committed, draw, round, rules));
}

function verifyCommitted(
  committed: readonly Committed[],
  draw: number,
  expectedRound: number | null,
  rules: CoinRules,
): {
  readonly context: DrawContext;
  readonly commitments: readonly PartyValue[];
  readonly round: number;
  readonly signers: readonly Certified[];
} {
  const { federation, task, parties, epoch, verifyMember } = rules;
  const context = { federation, task, epoch, draw };
  const signers = committed.map(({ certificate }) => verifyMember(certificate));
  const names = signers.map(({ role, name }) => (role === 'client' ? name : null));
  if (names.length !== parties.length || !parties.every(party => names.includes(party)))
    throw new Problem('draw-altered', 'the parties are not those that the task names');
  const envelopes = committed.map(({ commit }) => decodeEnvelope(commit));
  const round = expectedRound ?? envelopes[0].round;
  const commitments = envelopes.map((envelope, i): PartyValue => {
    verifySigned(envelope, coinLabels.commit, signers[i], round, rules);
    const told = parseCoinCommit(envelope.payload);
    if (told.epoch !== epoch || told.draw !== draw) throw new Problem('draw-altered', 'a commitment of another draw');
    return { party: signers[i].certificate, value: told.commitment };
  });
  checkCommitments(
    signers.map(({ certificate }) => certificate),
    commitments,
  );
  return { context, commitments, round, signers };
}

function verifySigned(
  envelope: Envelope,
  label: string,
  { certificate, publicKey }: Certified,
  round: number,
  { federation, task, primitives }: CoinRules,
): void {
  const isOfThisDraw =
    envelope.label === label &&
    envelope.federation === federation &&
    sameBytes(envelope.task, task) &&
    envelope.round === round &&
    sameBytes(envelope.sender, certificate);
  if (!isOfThisDraw) throw new Problem('draw-altered', `no ${label} of this party in this draw`);
  verifyEnvelope(envelope, publicKey, primitives);
}

/** Whatever is wrong with a coin is the coordinator's doing, and nothing about this client. */
function refusing<T>(check: () => T): T {
  try {
    return check();
  } catch (cause) {
    if (!(cause instanceof Problem)) throw cause;
    throw new Problem('bad-request', `the coin does not hold: ${cause.message}`, { cause });
  }
}
