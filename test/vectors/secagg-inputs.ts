/** What the transcripts in test/vectors/secagg are made from: every secret is the SHA-256 of its name, so that the files can be made again. */
import { createHash } from 'node:crypto';
import { type DealInput, deal } from '../../src/conformance/implementations/secagg.ts';
import type { TranscriptInput, TranscriptMember } from '../../src/conformance/implementations/transcript.ts';
import { drawHash } from '../../src/core/secagg/draw.ts';
import { groupThresholds } from '../../src/core/secagg/thresholds.ts';
import { nodeGroupPrimitives } from '../../src/node/group-primitives.ts';

type Bits = 16 | 20 | 24 | 32;
type Step = TranscriptMember['lastStep'];

interface Plan {
  readonly name: string;
  readonly about: string;
  readonly bits: Bits;
  /** The last step of members that do not stay to the end, by place. */
  readonly leaving?: Readonly<Record<number, Step>>;
  readonly figures?: boolean;
  readonly weighted?: boolean;
  /** Of the dealing: the group that is played. */
  readonly group?: number;
}

const primitives = await nodeGroupPrimitives();
const clients = 9;
/** A client with a coefficient above 2^256: the field is larger than 32 bytes. */
const largeCoefficient = `01${'00'.repeat(31)}05`;

const plans: readonly Plan[] = [
  { name: 'all-stay-32', about: 'Four members, nobody leaves, words of 32 bits.', bits: 32 },
  {
    name: 'one-leaves-after-shares-16',
    about: 'Words of 16 bits. Member 2 leaves after R1: its pair masks come off the sum by its root.',
    bits: 16,
    leaving: { 2: 'shares' },
  },
  {
    name: 'one-leaves-after-keys-20',
    about:
      'Words of 20 bits, an odd number of them. Member 0 leaves after R0: it is in U1, and no mask is shared with it.',
    bits: 20,
    leaving: { 0: 'keys' },
  },
  {
    name: 'figures-and-weights-24',
    about:
      'Words of 24 bits with the weight behind them, and figures in a segment of their own. Member 3 leaves after R2: its input is in the sum.',
    bits: 24,
    leaving: { 3: 'input' },
    figures: true,
    weighted: true,
  },
  {
    name: 'second-of-two-groups-32',
    about: 'The second group of the deal in deal-two-groups.json: four of nine clients. Member 1 leaves after R3.',
    bits: 32,
    leaving: { 1: 'agree' },
    group: 1,
  },
];

/** Every session, by the name of its file. */
export function sessionInputs(): { readonly name: string; readonly about: string; readonly input: TranscriptInput }[] {
  return plans.map(plan => ({ name: plan.name, about: plan.about, input: sessionInput(plan) }));
}

/** Nine clients, three of which toss the coin, in two groups. */
export function dealInput(): DealInput {
  const cohort = cohortOf(clients).map(certificate => hex(hash(certificate)));
  const parties = [cohort[1], cohort[4], cohort[7]].map((party, i) => ({
    party,
    secret: hex(named(`coin secret ${i}`)),
  }));
  return {
    federation: 'hearts',
    task: hex(named('task')),
    epoch: 2,
    draw: 0,
    cohort,
    parties,
    groups: 2,
    evidence: hex(named('evidence')),
  };
}

function sessionInput({ name, bits, leaving = {}, figures, weighted, group }: Plan): TranscriptInput {
  const dealt = group === undefined ? null : deal(dealInput(), primitives);
  const certificates = dealt === null ? cohortOf(4) : dealt.groups[group ?? 0].map(at => cohortOf(clients)[at]);
  const count = certificates.length;
  const hashes = certificates.map(hash);
  const thresholds = groupThresholds(count, { honest: 3, colluders: 0 });
  const words = weighted === true ? 8 : 7;
  const segments: TranscriptInput['manifest']['segments'] = [{ label: 'update', words, bits }];
  if (figures === true) segments.push({ label: 'figures', words: 3, bits: 32 });
  return {
    manifest: {
      federation: 'hearts',
      task: hex(named('task')),
      round: 7,
      kind: 'train',
      group: group ?? 0,
      groups: dealt?.groups.length ?? 1,
      members: hashes.map(hex),
      draw: dealt?.draw ?? hex(drawHash(hashes, null, primitives)),
      thresholds,
      segments,
      scaleBits: bits - 6,
      clipNorm: 1.5,
      weightMax: weighted === true ? 500 : null,
      model: hex(named('model')),
      code: hex(named('code')),
      plan: null,
      stepMs: 20_000,
    },
    members: certificates.map((certificate, at): TranscriptMember => {
      const own = (what: string) => hex(named(`${name}, member ${at}, ${what}`));
      const coefficients = (what: string) =>
        Array.from({ length: thresholds.t - 1 }, (_, i) => `00${own(`${what} coefficient of x^${i + 1}`)}`);
      const rootCoefficients = coefficients('root');
      if (at === 1) rootCoefficients[0] = largeCoefficient;
      return {
        certificate: hex(certificate),
        signingSeed: own('signing'),
        root: own('root'),
        self: own('self'),
        channel: own('channel'),
        selfCoefficients: coefficients('self'),
        rootCoefficients,
        coins: certificates.map((_, to) =>
          to === at ? null : own(`coins to ${to}, first half`) + own(`coins to ${to}, second half`),
        ),
        words: Object.fromEntries(
          segments.map(segment => [segment.label, wordsOf(`${name}, member ${at}`, segment, weighted === true)]),
        ),
        lastStep: leaving[at] ?? 'unmask',
      };
    }),
  };
}

/** Integers of which sixteen do not wrap; the first of them are the largest of both signs. The last is the weight where there is one. */
function wordsOf(
  name: string,
  { label, words, bits }: TranscriptInput['manifest']['segments'][number],
  weighted: boolean,
): number[] {
  const largest = 2 ** (bits - 1 - 4) - 1;
  return Array.from({ length: words }, (_, i) => {
    const drawn = named(`${name}, ${label} ${i}`);
    const value = new DataView(drawn.buffer, drawn.byteOffset).getUint32(0);
    if (weighted && label === 'update' && i === words - 1) return 1 + (value % 500);
    if (label === 'update' && i < 2) return i === 0 ? largest : -largest;
    return (value % (2 * largest + 1)) - largest;
  });
}

/** Texts in place of certificates, in the order of their hashes: a session looks at their hash alone. */
function cohortOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.from(Buffer.from(`certificate of client ${i}`))).sort(
    (a, b) => Buffer.compare(hash(a), hash(b)),
  );
}

function named(name: string): Uint8Array {
  return hash(Buffer.from(`parley/v1/vectors/secagg: ${name}`));
}

function hash(data: Uint8Array): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(data).digest());
}

function hex(data: Uint8Array): string {
  return Buffer.from(data).toString('hex');
}
