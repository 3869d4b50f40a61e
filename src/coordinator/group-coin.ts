/** Tossing the coin that deals an epoch's groups: asks the coin parties, fixes the cohort between their commitments and their reveals, deals. */
import { compareBytes } from '../core/bytes/cbor.ts';
import { decodeEnvelope } from '../core/crypto/envelope.ts';
import { writeBlob } from '../core/protocol/ports.ts';
import { coinOf, drawRoot, mostDraws, type PartyValue } from '../core/secagg/coin.ts';
import {
  type CoinAsk,
  coinLabels,
  encodeCoinMessage,
  parseCoinCommit,
  parseCoinReveal,
} from '../core/secagg/coin-message.ts';
import { dealCohort } from '../core/secagg/deal-cohort.ts';
import { isGrouped } from '../core/secagg/make-manifest.ts';
import type { Book, Loaded, Registered } from './book.ts';
import { voidRound } from './group-conduct.ts';
import { currentDeal, currentEpoch, currentToss, dealKey } from './group-deal.ts';
import { drawn, encodeMembers, isSettling, kindOf, readiness } from './group-opening.ts';
import { settingsOf, stepMs } from './group-record.ts';
import { groupPorts } from './group-session.ts';
import { deadlineMs } from './run.ts';
import type { Run, Toss } from './store.ts';

/** Takes one step of the toss that the waiting round needs, if one is due; false when there is none, or nothing to do now. */
export async function advanceToss(book: Book, loaded: Loaded): Promise<boolean> {
  const { run, task } = loaded;
  const epoch = currentEpoch(run, task);
  if (epoch === null || !isGrouped(task, kindOf(run)) || currentDeal(run, task) !== null) return false;
  const toss = currentToss(run, task);
  const nowMs = book.ports.clock.now();
  switch (toss?.stage) {
    case 'commit':
      if (toss.commits.length === settingsOf(task).coin.length) return fixCohort(book, loaded, toss);
      return isLate(toss, nowMs) && voidDraw(book, loaded, toss, 'commitment', toss.commits);
    case 'reveal':
      if (toss.reveals.length === toss.commits.length) return dealGroups(book, loaded, toss);
      return isLate(toss, nowMs) && voidDraw(book, loaded, toss, 'reveal', toss.reveals);
    default:
      return beginDraw(book, loaded, toss ?? dueDraw(epoch, 0, []));
  }
}

/** What a coin party is asked now; null where it is nobody's turn, it is no party, or it has answered. */
export function coinAskFor({ run, task }: Loaded, client: string): Uint8Array | null {
  const toss = run.cohort === null ? currentToss(run, task) : null;
  if (toss === null || !settingsOf(task).coin.includes(client)) return null;
  const ask = askOf(toss, client);
  return ask === null ? null : encodeCoinMessage(ask);
}

/** When the toss goes on by itself, ms since the epoch; null when it does not. */
export function tossDueAt({ run, task, partiesUntil }: Loaded): number | null {
  const toss = currentToss(run, task);
  if (toss === null || toss.stage === 'due') return partiesUntil;
  // With all commitments nothing more is due from the parties.
  const isCommitted = toss.stage === 'commit' && toss.commits.length === settingsOf(task).coin.length;
  return isCommitted ? null : toss.deadlineAt;
}

/** What a round waits for while a coin is tossed, in words that follow "waits"; null elsewhere. */
export function tossWaiting(run: Run, task: Loaded['task']): string | null {
  const toss = currentToss(run, task);
  if (toss === null || (toss.stage !== 'commit' && toss.stage !== 'reveal')) return null;
  const silent = silentIn(toss.stage === 'commit' ? toss.commits : toss.reveals, settingsOf(task).coin);
  return silent.length === 0 ? null : `for the coin (${silent.join(', ')} to ${toss.stage})`;
}

/** The root of a draw whose cohort is fixed (`drawRoot`). */
export function rootOf(book: Book, { taskHash }: Loaded, toss: Toss): Uint8Array {
  const context = { federation: book.ports.federation, task: taskHash, epoch: toss.epoch, draw: toss.draw };
  const cohort = (toss.cohort ?? []).map(({ certificate }) => certificate);
  return drawRoot(context, cohort, commitmentsOf(toss), book.ports.primitives);
}

function askOf(toss: Toss, client: string): CoinAsk | null {
  const { epoch, draw, commits, reveals, cohort } = toss;
  const has = (answers: readonly { readonly party: string }[]): boolean =>
    answers.some(({ party }) => party === client);
  if (toss.stage === 'commit') return has(commits) ? null : { stage: 'commit', epoch, draw };
  if (toss.stage !== 'reveal' || cohort === null || has(reveals)) return null;
  return {
    stage: 'reveal',
    epoch,
    draw,
    cohort: cohort.map(({ certificate }) => certificate),
    commitments: commits.map(({ document, envelope }) => ({ certificate: document, commit: envelope })),
  };
}

/** Asks for commitments once the clients are there that make several groups. A party that is not there is waited for as long as for a round. */
async function beginDraw(book: Book, loaded: Loaded, toss: Toss): Promise<boolean> {
  const { run, task } = loaded;
  const { clock, log } = book.ports;
  const nowMs = clock.now();
  if (run.deadlineAt !== null && nowMs < run.deadlineAt) return false;
  const ready = readiness(book, loaded, run);
  if (ready.waiting !== null) loaded.settling = null;
  if (ready.waiting !== null || !ready.isDealing) {
    loaded.partiesUntil = null;
    return false;
  }
  if (toss.stage === 'spent') {
    // A model that is trained is published without: the conductor gives its evaluation up.
    if (run.phase === 'evaluating') return false;
    await voidRound(book, loaded, `no coin for its groups: ${toss.why}`);
    return true;
  }
  if (isSettling(loaded, run, ready, nowMs)) return false;
  const present = book.presence.present();
  if (!settingsOf(task).coin.every(party => present.includes(party))) {
    loaded.partiesUntil ??= nowMs + deadlineMs(task);
    if (nowMs < loaded.partiesUntil) return false;
  }
  loaded.partiesUntil = null;
  loaded.settling = null;
  const phase = run.phase === 'queued' ? 'training' : run.phase;
  const clients = ready.eligible.clients.length;
  const begun: Toss = { ...toss, stage: 'commit', clients, deadlineAt: nowMs + stepMs(task) };
  await book.commit({ ...run, phase, deadlineAt: null, toss: begun });
  log({ event: 'draw-begun', task: run.task, round: run.round, detail: drawText(toss) });
  return true;
}

/** All have committed: whoever is there now is dealt into groups. Waits where too few are. */
async function fixCohort(book: Book, loaded: Loaded, toss: Toss): Promise<boolean> {
  const { run, task } = loaded;
  const ready = readiness(book, loaded, run);
  if (ready.waiting !== null) {
    loaded.settling = null;
    return false;
  }
  // After a restart they come one by one.
  if (isSettling(loaded, run, { ...ready, whole: toss.clients }, book.ports.clock.now())) return false;
  loaded.settling = null;
  // `readiness` takes registered clients only.
  const members = drawn(book, loaded, run, ready).map(client => book.members.get(client) as Registered);
  await writeBlob(book.ports.blobs, dealKey(run.task, toss), encodeMembers(members));
  const cohort = members
    .map(({ name, certificate }) => ({ name, certificate }))
    .sort((a, b) => compareBytes(a.certificate, b.certificate));
  const deadlineAt = book.ports.clock.now() + stepMs(task);
  await book.commit({ ...run, toss: { ...toss, stage: 'reveal', cohort, deadlineAt } });
  await book.ports.step('coin-cohort');
  return true;
}

/** All have revealed: the coin is there, and with it the groups of the epoch. */
async function dealGroups(book: Book, loaded: Loaded, toss: Toss): Promise<boolean> {
  const { run, task } = loaded;
  const { primitives, log, step } = book.ports;
  const { size, coin: parties } = settingsOf(task);
  const cohort = toss.cohort ?? [];
  const reveals = toss.reveals.map(({ party, envelope }): PartyValue => {
    const { sender, payload } = decodeEnvelope(envelope);
    if (!toss.commits.some(commit => commit.party === party)) throw new RangeError('coin: a reveal without commitment');
    return { party: sender, value: parseCoinReveal(payload).secret };
  });
  const coin = coinOf(rootOf(book, loaded, toss), reveals, primitives);
  const hashes = cohort.map(({ certificate }) => certificate);
  const groups = await dealCohort(hashes, size, coin, groupPorts(book.ports));
  const { epoch, draw } = toss;
  const deal = { epoch, draw, coin: evidenceOf(toss), cohort, groups, sets: groups.map(() => null) };
  await book.commit({ ...run, toss: null, lastSet: null, deal });
  await step('coin-dealt');
  const detail = `${cohort.length} clients into ${groups.length} groups, by the coin of ${parties.join(', ')}`;
  log({ event: 'groups-dealt', task: run.task, round: run.round, detail });
  return true;
}

async function voidDraw(
  book: Book,
  { run, task }: Loaded,
  toss: Toss,
  what: string,
  answers: readonly { readonly party: string }[],
): Promise<true> {
  const silent = silentIn(answers, settingsOf(task).coin);
  const why = `${drawText(toss)} has no ${what} of ${silent.join(', ')}`;
  const draw = toss.draw + 1;
  const next = dueDraw(toss.epoch, Math.min(draw, mostDraws - 1), [toss.why, why]);
  await book.commit({ ...run, toss: { ...next, stage: draw < mostDraws ? 'due' : 'spent' } });
  book.ports.log({ event: 'draw-void', level: 'warn', task: run.task, round: run.round, detail: why });
  return true;
}

function dueDraw(epoch: number, draw: number, why: readonly string[]): Toss {
  const reasons = why.filter(reason => reason !== '').join('; ');
  return {
    stage: 'due',
    epoch,
    draw,
    clients: 0,
    cohort: null,
    commits: [],
    reveals: [],
    deadlineAt: null,
    why: reasons,
  };
}

function commitmentsOf({ commits }: Toss): PartyValue[] {
  return commits.map(({ envelope }) => {
    const { sender, payload } = decodeEnvelope(envelope);
    return { party: sender, value: parseCoinCommit(payload).commitment };
  });
}

/** In the order of the parties' certificates, so that everybody holds the same bytes. */
function evidenceOf({ commits, reveals }: Toss): Uint8Array {
  const parties = commits.map(({ party, document, envelope: commit }) => {
    const reveal = reveals.find(answer => answer.party === party);
    if (reveal === undefined) throw new RangeError('coin: a party has not revealed');
    return { hash: decodeEnvelope(commit).sender, certificate: document, commit, reveal: reveal.envelope };
  });
  parties.sort((a, b) => compareBytes(a.hash, b.hash));
  return encodeCoinMessage(parties.map(({ certificate, commit, reveal }) => ({ certificate, commit, reveal })));
}

function silentIn(answers: readonly { readonly party: string }[], parties: readonly string[]): string[] {
  return parties.filter(party => !answers.some(answer => answer.party === party));
}

function isLate({ deadlineAt }: Toss, nowMs: number): boolean {
  return deadlineAt !== null && nowMs >= deadlineAt;
}

function drawText({ epoch, draw }: Toss): string {
  return `draw ${draw + 1} of epoch ${epoch + 1}`;
}

/** What the answers to an ask are called. */
export const answerLabels: readonly string[] = [coinLabels.commit, coinLabels.reveal];
