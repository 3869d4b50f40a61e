/** How many bytes a member of a group sends beyond its masked update: counted by encoding the messages. */
import { encodeCbor } from '../bytes/cbor.ts';
import { encodeEnvelope } from '../crypto/envelope.ts';
import { encapsulates } from './derive.ts';
import { encodeGroupMessage, type MemberLabel } from './group-message.ts';

const digest = new Uint8Array(32);
const ciphertext = new Uint8Array(1120);
const publicKey = new Uint8Array(1216);
/** Of ChaCha20-Poly1305. */
const tagBytes = 16;

/**
 * The most bytes of R0 to R4 that a member of a group sends, in a round in which all stay and nobody complains. Names and round numbers take a
 * few bytes more or less. The least is one ciphertext less.
 *
 * @param members of the group, 2 or more.
 */
export function uploadBeyond(members: number): number {
  const everyone = Array.from({ length: members }, (_, at) => at);
  const proof = Array.from({ length: Math.ceil(Math.log2(2 * members)) }, () => digest);
  const text = encodeGroupMessage({ self: digest, selfProof: proof, root: digest, rootProof: proof });
  const box = new Uint8Array(text.length + tagBytes);
  const sent = (at: number) => everyone.filter(to => to !== at && encapsulates(at, to)).length;
  const most = Math.max(...everyone.map(sent));
  const body = everyone.slice(1).map((to, i) => ({ to, mask: i < most ? ciphertext : null, channel: ciphertext, box }));
  const revealed = everyone.map(of => ({ of, share: digest, proof }));
  const sid = digest;
  return (
    signed('group-keys', encodeGroupMessage({ sid, channelKey: publicKey, maskKey: publicKey })) +
    signed(
      'group-shares',
      encodeGroupMessage({ sid, present: digest, shareRoot: digest, selfCommitment: digest, boxRoot: digest }),
    ) +
    encodeCbor(body).length +
    signed(
      'group-input',
      encodeGroupMessage({ sid, sharers: digest, vector: digest, bytes: 2 ** 32, complaints: [] }),
    ) +
    signed('group-agree', encodeGroupMessage({ sid, sharers: digest, survivors: digest })) +
    signed('group-unmask', encodeGroupMessage({ sid, self: revealed, root: [] }))
  );
}

function signed(label: MemberLabel, payload: Uint8Array): number {
  const [task, sender, signature] = [digest, digest, new Uint8Array(64)];
  return encodeEnvelope({ label, federation: 'federation', task, round: 1000, sender, payload, signature }).length;
}
