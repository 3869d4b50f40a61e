/** Group sessions and the dealing of groups, as the transcripts of this protocol call them: the same on every port of the primitives. */
import { fromHex, toHex } from '../../core/bytes/floats.ts';
import type { GroupPrimitives } from '../../core/crypto/group-primitives.ts';
import { nobleKeystream } from '../../core/crypto/noble-keystream.ts';
import { webKeystream } from '../../core/crypto/web-keystream.ts';
import { coinOf, commitment, drawRoot } from '../../core/secagg/coin.ts';
import { dealGroups, dealKey } from '../../core/secagg/deal-groups.ts';
import { drawHash } from '../../core/secagg/draw.ts';
import { nodeKeystream } from '../../node/keystream.ts';
import type { Implementations } from '../case.ts';
import { answering } from './bytes.ts';
import { agreed, onEveryPort, ports } from './every-port.ts';
import { type Transcript, type TranscriptInput, transcriptParts } from './transcript.ts';
import { makeTranscript } from './transcript-session.ts';

/** What a deal follows from. */
export interface DealInput {
  readonly federation: string;
  readonly task: string;
  readonly epoch: number;
  readonly draw: number;
  readonly cohort: readonly string[];
  readonly parties: readonly { readonly party: string; readonly secret: string }[];
  readonly groups: number;
  /** What the parties signed, as assignments tell it: here any bytes. */
  readonly evidence: string;
}

export const secaggFunctions: Implementations = {
  ...Object.fromEntries(
    transcriptParts.map(part => [
      `secagg/${part}`,
      answering(async input => (await transcriptOf(input as unknown as TranscriptInput))[part]),
    ]),
  ),
  'secagg/deal': onEveryPort((port, input) => deal(input as unknown as DealInput, port)),
};

/** The coin of three to seven parties, and the groups that it deals. */
export function deal(
  { federation, task, epoch, draw, cohort, parties, groups, evidence }: DealInput,
  port: Pick<GroupPrimitives, 'sha256' | 'hkdf'>,
) {
  const context = { federation, task: fromHex(task), epoch, draw };
  const reveals = parties.map(({ party, secret }) => ({ party: fromHex(party), value: fromHex(secret) }));
  const commitments = reveals.map(({ party, value }) => ({ party, value: commitment(value, context, party, port) }));
  const clients = cohort.map(fromHex);
  const root = drawRoot(context, clients, commitments, port);
  const coin = coinOf(root, reveals, port);
  const key = dealKey(coin, port);
  const stream = nobleKeystream.open(key);
  const next = (count: number) => {
    const bytes = new Uint8Array(count);
    // noble answers at once.
    void stream.fill(bytes);
    return bytes;
  };
  return {
    commitments: commitments.map(({ value }) => toHex(value)),
    root: toHex(root),
    coin: toHex(coin),
    key: toHex(key),
    groups: dealGroups(clients, groups, next),
    draw: toHex(drawHash(clients, fromHex(evidence), port)),
  };
}

const played = new WeakMap<TranscriptInput, Promise<Transcript>>();

/** The cases of one file are parts of one transcript: it is made once. */
function transcriptOf(input: TranscriptInput): Promise<Transcript> {
  const transcript = played.get(input) ?? onAllPorts(input);
  played.set(input, transcript);
  return transcript;
}

async function onAllPorts(input: TranscriptInput): Promise<Transcript> {
  const keystreams = [nodeKeystream, webKeystream(crypto.subtle), nobleKeystream];
  const transcripts: Transcript[] = [];
  for (const [i, port] of (await ports()).entries()) transcripts.push(await makeTranscript(input, port, keystreams[i]));
  return agreed(transcripts.map(transcript => () => transcript)) as Transcript;
}
