/** A group for the suite `secagg`: members with keys and certificates of their own, a manifest, and a coordinator that signs. */
import { encodeCbor } from '../src/core/bytes/cbor.ts';
import type { GroupPrimitives } from '../src/core/crypto/group-primitives.ts';
import type { Signer } from '../src/core/crypto/primitives.ts';
import { type Encoding, makeEncoding, wordCount } from '../src/core/secagg/encoding.ts';
import type { GroupMember } from '../src/core/secagg/group-state.ts';
import { type GroupManifest, type Segment, sessionId } from '../src/core/secagg/manifest.ts';
import type { MemberSession, Peer } from '../src/core/secagg/member-state.ts';
import { groupThresholds } from '../src/core/secagg/thresholds.ts';
import { generateSigner } from '../src/node/primitives.ts';

/** Words of the loss, as a task without privacy has them beside its updates. */
const lossWords = 23;
/** An X.509 certificate of this project has about so many bytes. */
const certificateBytes = 700;
const weightMax = 1000;
const honest = 3;

export interface BenchMember {
  readonly signer: Signer;
  readonly session: MemberSession;
  readonly peer: Peer;
}

export interface BenchGroup {
  readonly manifest: GroupManifest;
  readonly sid: Uint8Array;
  readonly encoding: Encoding;
  readonly members: readonly BenchMember[];
  /** The same as the coordinator has them. */
  readonly known: readonly GroupMember[];
  readonly coordinator: { readonly signer: Signer; readonly hash: Uint8Array };
  readonly primitives: GroupPrimitives;
}

/**
 * A group of so many members for updates of so many values in words of 32 bits. Certificates are bytes of the usual length: who checks
 * their chain is not measured here.
 *
 * @param figures words that travel beside the update.
 */
export function makeGroup(
  size: number,
  dimension: number,
  primitives: GroupPrimitives,
  figures: number = lossWords,
): BenchGroup {
  const { sha256, randomBytes } = primitives;
  const certificates = Array.from({ length: size }, () => randomBytes(certificateBytes)).sort((a, b) =>
    Buffer.compare(sha256(a), sha256(b)),
  );
  const encoding = makeEncoding({ bits: 32, clipNorm: 1, weightMax, dimension, members: size });
  const manifest = makeManifest(certificates.map(sha256), encoding, figures, primitives);
  const sid = sessionId(manifest, primitives);
  const members = certificates.map((certificate, at): BenchMember => {
    const { signer } = generateSigner();
    const hash = sha256(certificate);
    const peer = {
      at,
      certificate: hash,
      publicKey: signer.publicKey,
      organisation: `site-${at}`,
      name: `client-${at}`,
    };
    const policy = { honest, colluders: 0, setChanges: 'shrink' } as const;
    return {
      signer,
      peer,
      session: { manifest, sid, at, certificate: hash, policy, isPrivate: false, redrawRounds: 1 },
    };
  });
  const known = members.map(({ peer: { at, name, publicKey } }) => ({
    at,
    name,
    certificate: certificates[at],
    publicKey,
  }));
  const coordinator = { signer: generateSigner().signer, hash: sha256(encodeCbor('coordinator')) };
  return { manifest, sid, encoding, members, known, coordinator, primitives };
}

function makeManifest(
  members: readonly Uint8Array[],
  encoding: Encoding,
  figures: number,
  { sha256 }: GroupPrimitives,
): GroupManifest {
  const hash = (name: string) => sha256(encodeCbor(name));
  const update: Segment = { label: 'update', words: wordCount(encoding), bits: encoding.bits };
  const segments: Segment[] = figures === 0 ? [update] : [update, { label: 'figures', words: figures, bits: 32 }];
  return {
    federation: 'bench',
    task: hash('task'),
    round: 1,
    kind: 'train',
    group: 0,
    groups: 1,
    members,
    draw: hash('draw'),
    thresholds: groupThresholds(members.length, { honest, colluders: null }),
    segments,
    scaleBits: encoding.scaleBits,
    clipNorm: encoding.clipNorm,
    weightMax,
    model: hash('model'),
    code: hash('code'),
    plan: null,
    stepMs: 1000,
  };
}
