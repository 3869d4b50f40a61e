/** Cryptographic functions of this build, as the vectors call them. Bytes stand in hexadecimal. */
import type { GroupPrimitives } from '../../core/crypto/group-primitives.ts';
import { type Aead, isHmacSha256, openAead, sealAead, x25519 } from '../../node/key-primitives.ts';
import { type Implementations, refused } from '../case.ts';
import { answering, fromHex, hexOrRefused } from './bytes.ts';
import { agreed, onEveryPort, ports } from './every-port.ts';

export const keyFunctions: Implementations = {
  'wycheproof/EDDSA/edwards25519': onEveryPort((port, { publicKey, msg, sig }) => {
    const { pk } = publicKey as { pk: string };
    return port.verify(fromHex(pk), fromHex(msg), fromHex(sig)) || refused;
  }),
  'wycheproof/XDH/curve25519': answering(({ private: own, public: peer }) =>
    hexOrRefused(x25519(fromHex(own), fromHex(peer))),
  ),
  'wycheproof/AES-GCM/256': answering(input => open(ofKeys('aes-256-gcm'), input)),
  'wycheproof/CHACHA20-POLY1305': answering(async input =>
    agreed([() => open(ofKeys('chacha20-poly1305'), input), ...(await ports()).map(port => () => open(port, input))]),
  ),
  'wycheproof/HKDF-SHA-256': onEveryPort((port, { ikm, salt, info, size }) =>
    hexOrRefused(port.hkdf(fromHex(ikm), fromHex(salt), fromHex(info), Number(size))),
  ),
  'wycheproof/HMACSHA256': answering(({ key, msg, tag, tagSize }) => {
    const expected = fromHex(tag);
    return (expected.length * 8 === tagSize && isHmacSha256(fromHex(key), fromHex(msg), expected)) || refused;
  }),
};

type Boxes = Pick<GroupPrimitives, 'seal' | 'open'>;

function ofKeys(aead: Aead): Boxes {
  return {
    seal: (key, nonce, message, associated) => sealAead(aead, key, nonce, associated, message),
    open: (key, nonce, sealed, associated) => openAead(aead, key, nonce, associated, sealed),
  };
}

/** Opens the ciphertext; what opens must also seal to the same bytes. */
function open(boxes: Boxes, input: Readonly<Record<string, unknown>>): unknown {
  const [key, nonce, associated] = [fromHex(input.key), fromHex(input.iv), fromHex(input.aad)];
  const sealed = fromHex(`${input.ct}${input.tag}`);
  const message = boxes.open(key, nonce, sealed, associated);
  if (message === null) return refused;
  const again = boxes.seal(key, nonce, message, associated);
  return Buffer.compare(again, sealed) === 0 ? hexOrRefused(message) : 'opens, but seals to other bytes';
}
