/** Messages of coin parties: each verified, durable, and only then acknowledged. */
import { sameBytes, toHex } from '../core/bytes/floats.ts';
import { decodeEnvelope, type Envelope, encodeEnvelope } from '../core/crypto/envelope.ts';
import { Problem } from '../core/protocol/problem.ts';
import { commitment } from '../core/secagg/coin.ts';
import { coinLabels, parseCoinCommit, parseCoinReveal } from '../core/secagg/coin-message.ts';
import type { Book, Loaded, Registered } from './book.ts';
import { rootOf } from './group-coin.ts';
import { currentToss } from './group-deal.ts';
import { settingsOf } from './group-record.ts';
import { type Exclusively, receiptFor } from './inbox.ts';
import type { Toss } from './store.ts';
import { verifyContext, verifyOrigin } from './verify.ts';

/**
 * Takes a commitment or a reveal of a coin party. The same bytes again give the same receipt. Throws Problem: `not-in-cohort` for whoever is no
 * party of the task, `round-closed` when the draw does not wait for it, `malformed`, `false-reveal`, `equivocation`.
 */
export async function takeCoinMessage(
  book: Book,
  exclusively: Exclusively,
  member: Registered,
  envelope: Envelope,
): Promise<Envelope> {
  const { federation, primitives } = book.ports;
  verifyOrigin(envelope, member, { federation, label: envelope.label }, primitives);
  return exclusively(async () => {
    const loaded = book.active;
    if (loaded === null) throw new Problem('round-closed');
    const { run, task } = loaded;
    verifyContext(envelope, run);
    const toss = run.cohort === null ? currentToss(run, task) : null;
    if (toss === null) throw new Problem('round-closed', 'no coin is tossed');
    if (!settingsOf(task).coin.includes(member.name))
      throw new Problem('not-in-cohort', 'this client is no coin party');
    const known = answerOf(toss, envelope.label, member.name);
    if (known !== null) {
      if (!sameBytes(decodeEnvelope(known).payload, envelope.payload))
        throw refusal(book, member, envelope, 'equivocation');
      return receiptFor(book, envelope);
    }
    const after =
      envelope.label === coinLabels.commit
        ? committed(toss, member, envelope)
        : revealed(book, loaded, toss, member, envelope);
    await book.commit({ ...run, toss: after });
    await book.ports.step('coin-stored');
    return receiptFor(book, envelope);
  });
}

function committed(toss: Toss, { name, document }: Registered, envelope: Envelope): Toss {
  const { epoch, draw } = parseCoinCommit(envelope.payload);
  if (toss.stage !== 'commit' || epoch !== toss.epoch || draw !== toss.draw)
    throw new Problem('round-closed', 'a commitment that nothing waits for');
  const commits = [...toss.commits, { party: name, document, envelope: encodeEnvelope(envelope) }];
  return { ...toss, commits: commits.sort((a, b) => (a.party < b.party ? -1 : 1)) };
}

function revealed(book: Book, loaded: Loaded, toss: Toss, member: Registered, envelope: Envelope): Toss {
  const { epoch, draw, root, secret } = parseCoinReveal(envelope.payload);
  if (toss.stage !== 'reveal' || epoch !== toss.epoch || draw !== toss.draw)
    throw new Problem('round-closed', 'a reveal that nothing waits for');
  const own = answerOf(toss, coinLabels.commit, member.name);
  if (own === null || !sameBytes(root, rootOf(book, loaded, toss)))
    throw refusal(book, member, envelope, 'malformed', 'a reveal for another cohort');
  const { sender, payload } = decodeEnvelope(own);
  const context = { federation: book.ports.federation, task: loaded.taskHash, epoch, draw };
  const opened = commitment(secret, context, sender, book.ports.primitives);
  if (!sameBytes(sender, envelope.sender) || !sameBytes(opened, parseCoinCommit(payload).commitment))
    throw refusal(book, member, envelope, 'false-reveal');
  return { ...toss, reveals: [...toss.reveals, { party: member.name, envelope: encodeEnvelope(envelope) }] };
}

/** The envelope that a party has sent under this label, or null. */
function answerOf({ commits, reveals }: Toss, label: string, client: string): Uint8Array | null {
  const answers: readonly { readonly party: string; readonly envelope: Uint8Array }[] =
    label === coinLabels.commit ? commits : reveals;
  return answers.find(({ party }) => party === client)?.envelope ?? null;
}

function refusal(
  { ports }: Book,
  { name: client }: Registered,
  { task, round }: Envelope,
  code: 'equivocation' | 'false-reveal' | 'malformed',
  detail?: string,
): Problem {
  ports.log({ event: 'refused', level: 'warn', client, task: toHex(task), round, code, detail });
  return new Problem(code, detail);
}
