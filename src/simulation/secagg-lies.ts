/**
 * Members that break the protocol of a group session while their input stays what it is: so that whatever opens must still be the exact sum.
 * A member that lies about its input, or about the masks on it, spoils the sum of its group: no protocol without proofs prevents that.
 */
import { encodeCbor } from '../core/bytes/cbor.ts';
import type { GroupPrimitives } from '../core/crypto/group-primitives.ts';
import {
  encodeGroupMessage,
  type MemberLabel,
  parseAgree,
  parseBoxText,
  parseInput,
  parseKeys,
  parseShares,
  parseUnmask,
} from '../core/secagg/group-message.ts';

export type Lie =
  /** Its message of this step is not what its machine says. */
  | { readonly kind: 'alter'; readonly label: MemberLabel }
  /** It signs two messages of this step. */
  | { readonly kind: 'both'; readonly label: MemberLabel }
  /** Its boxes hold shares that it has not committed to. */
  | { readonly kind: 'false-boxes' }
  /** It commits to another self seed than it deals out. */
  | { readonly kind: 'other-commitment' }
  /** Its mask key does not follow from the root that it deals out. */
  | { readonly kind: 'other-key' }
  /** Its mask ciphertexts do not follow from that root. */
  | { readonly kind: 'other-coins' };

export const lies: readonly Lie[] = [
  { kind: 'alter', label: 'group-keys' },
  { kind: 'alter', label: 'group-shares' },
  { kind: 'alter', label: 'group-input' },
  { kind: 'alter', label: 'group-agree' },
  { kind: 'alter', label: 'group-unmask' },
  { kind: 'both', label: 'group-shares' },
  { kind: 'both', label: 'group-input' },
  { kind: 'both', label: 'group-unmask' },
  { kind: 'false-boxes' },
  { kind: 'other-commitment' },
  { kind: 'other-key' },
  { kind: 'other-coins' },
];

/** What a liar's machine runs on. */
export function lyingPrimitives(lie: Lie | undefined, primitives: GroupPrimitives): GroupPrimitives {
  const { kem, seal, sha256 } = primitives;
  switch (lie?.kind) {
    case 'false-boxes':
      return {
        ...primitives,
        seal: (key, nonce, text, associated) => seal(key, nonce, falseBox(text), associated),
      };
    case 'other-commitment':
      return { ...primitives, sha256: bytes => sha256(isCommitment(bytes) ? sha256(bytes) : bytes) };
    case 'other-key':
      return { ...primitives, kem: { ...kem, keyPair: seed => kem.keyPair(sha256(seed)) } };
    case 'other-coins': {
      const other = (coins: Uint8Array): Uint8Array => Uint8Array.of(...sha256(coins), ...coins.subarray(32));
      return { ...primitives, kem: { ...kem, encapsulate: (key, coins) => kem.encapsulate(key, other(coins)) } };
    }
    default:
      return primitives;
  }
}

/** The payloads that a member signs and sends in a step, in this order. */
export function payloadsOf(
  lie: Lie | undefined,
  at: number,
  label: MemberLabel,
  payload: Uint8Array,
  primitives: GroupPrimitives,
): Uint8Array[] {
  if (lie === undefined || !('label' in lie) || lie.label !== label) return [payload];
  const altered = alter(at, label, payload, primitives);
  return lie.kind === 'alter' ? [altered] : [altered, payload];
}

/** Another message of the form that the step has. */
function alter(at: number, label: MemberLabel, payload: Uint8Array, { sha256, kem }: GroupPrimitives): Uint8Array {
  const other = sha256(encodeCbor(['lie', payload]));
  switch (label) {
    case 'group-keys':
      return encodeGroupMessage({ ...parseKeys(payload), maskKey: kem.keyPair(other).publicKey });
    case 'group-shares':
      return encodeGroupMessage({ ...parseShares(payload), selfCommitment: other });
    case 'group-input':
      // Of the first of the others: it has to be a member that shares.
      return encodeGroupMessage({ ...parseInput(payload), complaints: [{ dealer: at === 0 ? 1 : 0, key: other }] });
    case 'group-agree':
      return encodeGroupMessage({ ...parseAgree(payload), survivors: other });
    case 'group-unmask': {
      const message = parseUnmask(payload);
      return encodeGroupMessage({ ...message, self: message.self.map(one => ({ ...one, share: other })) });
    }
  }
}

function falseBox(text: Uint8Array): Uint8Array {
  const box = parseBoxText(text);
  return encodeGroupMessage({ ...box, self: box.self.map(byte => byte ^ 1) });
}

function isCommitment(bytes: Uint8Array): boolean {
  return new TextDecoder().decode(bytes.subarray(0, 40)).includes('parley/v1/self-commitment');
}
