/**
 * A group session a second time, from its description in docs/protocol.md on noble alone: nothing here comes from src/core/secagg. Everybody is honest,
 * so nothing is checked.
 */
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem768_x25519 as xwing } from '@noble/post-quantum/hybrid.js';
import { cbor } from './plain-cbor.ts';
import { interpolated, maskWords, modulo, packed, toInteger, treePath, treeRoot, valueAt } from './plain-secrets.ts';

type Bytes = Uint8Array;

/** `input` of a transcript. */
export interface PlainInput {
  // biome-ignore lint/suspicious/noExplicitAny: the JSON of a file that another test holds against its schema
  readonly manifest: any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly members: readonly any[];
}

/** `expected` of a transcript. */
export function playPlainly({ manifest: json, members }: PlainInput) {
  const { segments, thresholds, federation, round } = json;
  const [task, model] = [bytes(json.task), bytes(json.model)];
  const named = {
    ...json,
    task,
    model,
    members: json.members.map(bytes),
    draw: bytes(json.draw),
    code: bytes(json.code),
  };
  const manifest = cbor(['parley/v1/group-manifest', named]);
  const sid = sha256(manifest);
  const steps = ['keys', 'shares', 'input', 'agree', 'unmask'];
  const until = (step: string) =>
    members.flatMap(({ lastStep }, at) => (steps.indexOf(lastStep) >= steps.indexOf(step) ? [at] : []));
  const [present, sharers, survivors, quorum] = ['keys', 'shares', 'input', 'agree'].map(until);
  const setHash = (name: string, set: readonly number[]) => sha256(cbor(['parley/v1/set', name, sid, set]));
  const secret = (at: number, name: 'root' | 'self' | 'channel'): Bytes => bytes(members[at][name]);

  function signed(at: number, label: string, message: object) {
    const payload = cbor(message);
    const sender: Bytes = named.members[at];
    const bound = cbor([`parley/v1/${label}`, federation, task, round, sender, sha256(payload)]);
    const signature = ed25519.sign(bound, bytes(members[at].signingSeed));
    const envelope = cbor([label, federation, task, round, sender, payload, signature]);
    return { envelope, told: { payload: told(payload), signature: hex(signature) } };
  }

  // R0
  const pairs = members.map((_, at) => ({
    mask: xwing.keygen(kdf(secret(at, 'root'), none, ['parley/v1/mask-key'])),
    channel: xwing.keygen(kdf(secret(at, 'channel'), none, ['parley/v1/channel-key'])),
  }));
  const keys = present.map(at => {
    const [maskKey, channelKey] = [pairs[at].mask.publicKey, pairs[at].channel.publicKey];
    return { at, maskKey, channelKey, ...signed(at, 'group-keys', { sid, channelKey, maskKey }) };
  });

  // R1
  const encapsulates = (from: number, to: number) => ((from + to) % 2 === 1 ? from < to : from > to);
  const deals = sharers.map(at => {
    const shares = Object.fromEntries(
      (['self', 'root'] as const).map(kind => {
        const higher: string[] = members[at][`${kind}Coefficients`];
        const coefficients = [toInteger(secret(at, kind)), ...higher.map(text => BigInt(`0x${text}`))];
        return [kind, members.map((_, to) => valueAt(coefficients, to + 1))];
      }),
    );
    const leaves = present.flatMap(to =>
      ['self', 'root'].map(kind => cbor(['parley/v1/share', sid, at, to, kind, shares[kind][to]])),
    );
    const held = (to: number) => ({
      self: shares.self[to],
      selfProof: treePath(leaves, 2 * present.indexOf(to)),
      root: shares.root[to],
      rootProof: treePath(leaves, 2 * present.indexOf(to) + 1),
    });
    const others = present.filter(to => to !== at);
    const boxes = others.map(to => {
      const coins = encapsulates(at, to) ? kdf(secret(at, 'root'), sid, ['parley/v1/mask-coins', to], 64) : null;
      const pair = coins && xwing.encapsulate(pairs[to].mask.publicKey, coins);
      const channel = xwing.encapsulate(pairs[to].channel.publicKey, bytes(members[at].coins[to]));
      const cipherText = channel.cipherText;
      const key = kdf(channel.sharedSecret, sid, ['parley/v1/box-key', at, to, sha256(cipherText)]);
      const box = chacha20poly1305(key, new Uint8Array(12)).encrypt(cbor(held(to)));
      return { to, coins, pair, channel, key, box };
    });
    const body = boxes.map(({ to, pair, channel, box }) => ({
      to,
      mask: pair?.cipherText ?? null,
      channel: channel.cipherText,
      box,
    }));
    const boxLeaves = body.map(({ to, mask, channel, box }) =>
      sha256(cbor(['parley/v1/box', sid, at, to, mask, channel, box])),
    );
    const selfCommitment = sha256(cbor(['parley/v1/self-commitment', sid, at, secret(at, 'self')]));
    const [shareRoot, boxRoot] = [treeRoot(leaves), treeRoot(boxLeaves)];
    const header = { sid, present: setHash('present', present), shareRoot, selfCommitment, boxRoot };
    return { at, held, others, boxes, body, boxLeaves, header, ...signed(at, 'group-shares', header) };
  });
  const dealOf = (at: number) => deals[sharers.indexOf(at)];

  // R2
  const pairSeed = (one: number, other: number) => {
    const [from, to] = encapsulates(one, other) ? [one, other] : [other, one];
    const shared = dealOf(from).boxes[dealOf(from).others.indexOf(to)].pair?.sharedSecret ?? none;
    return kdf(shared, sid, ['parley/v1/pair-seed', Math.min(one, other), Math.max(one, other), model]);
  };
  const maskOf = (seed: Bytes, sign: number) => ({ seed, sign });
  const inputs = survivors.map(at => {
    const self = maskOf(kdf(secret(at, 'self'), sid, ['parley/v1/self-seed', at]), 1);
    const others = sharers.filter(other => other !== at);
    const masks = [self, ...others.map(other => maskOf(pairSeed(at, other), at < other ? 1 : -1))];
    const vectors = segments.map((segment: Segment) => masked(members[at].words[segment.label], masks, segment));
    const body = Buffer.concat(segments.map(({ bits }: Segment, i: number) => packed(vectors[i], bits)));
    const message = {
      sid,
      sharers: setHash('sharers', sharers),
      vector: sha256(body),
      bytes: body.length,
      complaints: [],
    };
    return { at, others, masks, vectors, message, ...signed(at, 'group-input', message) };
  });

  // R3 and R4
  const sets = { sharers: setHash('sharers', sharers), survivors: setHash('survivors', survivors) };
  const agreed = quorum.map(at => ({ at, ...signed(at, 'group-agree', { sid, ...sets }) }));
  const lost = sharers.filter(at => !survivors.includes(at));
  const unmasked = until('unmask').map(at => {
    const open = (kind: 'self' | 'root', of: number) => {
      const held = dealOf(of).held(at);
      return { of, share: held[kind], proof: held[`${kind}Proof`] };
    };
    const message = { sid, self: survivors.map(of => open('self', of)), root: lost.map(of => open('root', of)) };
    return { at, message, ...signed(at, 'group-unmask', message) };
  });

  // The coordinator adds up, and opens what members have shared.
  const opened = (kind: 'self' | 'root', of: number) =>
    interpolated(
      unmasked.slice(0, thresholds.t).map(({ at, message }) => ({
        x: at + 1,
        value: message[kind].find(one => one.of === of)?.share ?? none,
      })),
    );
  const masks = [
    ...survivors.map(of => maskOf(kdf(opened('self', of), sid, ['parley/v1/self-seed', of]), -1)),
    ...lost.flatMap(of => {
      if (hex(opened('root', of)) !== members[of].root) throw new Error(`plain session: the root of member ${of}`);
      return survivors.map(at => maskOf(pairSeed(at, of), at < of ? -1 : 1));
    }),
  ];
  const sums = segments.map((segment: Segment, i: number) => {
    const total = Array.from({ length: segment.words }, (_, j) =>
      inputs.reduce((sum, { vectors }) => modulo(sum + vectors[i][j], segment.bits), 0),
    );
    const words = masked(total, masks, segment);
    const signedWords = words.map(word => (word >= 2 ** (segment.bits - 1) ? word - 2 ** segment.bits : word));
    return [segment.label, { packed: hex(packed(words, segment.bits)), words: signedWords }];
  });

  const maskText = ({ seed, sign }: { seed: Bytes; sign: number }) => ({
    sign,
    seed: hex(seed),
    streamKeys: Object.fromEntries(segments.map(({ label }: Segment) => [label, hex(streamKey(seed, label))])),
  });
  const boxesTo = (to: number) =>
    deals.map(({ at, others, body, boxLeaves, envelope }) => {
      if (at === to) return { at, shares: envelope, sent: null };
      const { mask, channel, box } = body[others.indexOf(to)];
      return { at, shares: envelope, sent: { mask, channel, box, proof: treePath(boxLeaves, others.indexOf(to)) } };
    });
  return {
    manifest: { cbor: hex(manifest), sid: hex(sid) },
    keys: keys.map(({ at, maskKey, channelKey, told: message }) => ({
      at,
      sender: json.members[at],
      publicKey: hex(ed25519.getPublicKey(bytes(members[at].signingSeed))),
      maskKey: hex(maskKey),
      channelKey: hex(channelKey),
      ...message,
    })),
    shares: deals.map(({ at, held, boxes, body, header, told: message }) => ({
      at,
      present: hex(header.present),
      shareRoot: hex(header.shareRoot),
      selfCommitment: hex(header.selfCommitment),
      boxRoot: hex(header.boxRoot),
      ownShares: allHex(held(at)),
      boxes: boxes.map(({ to, coins, pair, channel, key, box }) => ({
        to,
        maskCoins: coins && hex(coins),
        mask: pair && hex(pair.cipherText),
        pairSecret: pair && hex(pair.sharedSecret),
        channel: hex(channel.cipherText),
        channelSecret: hex(channel.sharedSecret),
        key: hex(key),
        ...allHex(held(to)),
        box: hex(box),
      })),
      body: told(cbor(body)),
      ...message,
    })),
    inputs: inputs.map(({ at, others, masks: own, vectors, message, told: sent }) => ({
      at,
      sharers: hex(message.sharers),
      masks: own.map((mask, i) => ({ with: i === 0 ? null : others[i - 1], ...maskText(mask) })),
      vectors: Object.fromEntries(
        segments.map(({ label, bits }: Segment, i: number) => [label, hex(packed(vectors[i], bits))]),
      ),
      digest: hex(message.vector),
      bytes: message.bytes,
      ...sent,
    })),
    agreed: agreed.map(({ at, told: message }) => ({ at, ...allHex(sets), ...message })),
    unmasked: unmasked.map(({ at, message: { self, root }, told: message }) => ({
      at,
      self: self.map(({ of, ...share }) => ({ of, ...allHex(share) })),
      root: root.map(({ of, ...share }) => ({ of, ...allHex(share) })),
      ...message,
    })),
    told: {
      members: told(
        cbor({
          sid,
          present: keys.map(({ at, envelope }) => ({
            at,
            certificate: bytes(members[at].certificate),
            keys: envelope,
          })),
        }),
      ),
      boxes: Object.fromEntries(survivors.map(to => [to, told(cbor({ sid, sharers: boxesTo(to) }))])),
      survivors: told(cbor({ sid, survivors })),
      quorum: told(cbor({ sid, agreed: agreed.map(({ at, envelope }) => ({ at, agree: envelope })) })),
      end: told(cbor({ sid, outcome: 'opened' })),
    },
    opening: {
      sets: { present, sharers, survivors, quorum },
      hashes: { present: hex(setHash('present', present)), ...allHex(sets) },
      masks: masks.map(maskText),
      sums: Object.fromEntries(sums),
    },
  };
}

interface Segment {
  readonly label: string;
  readonly words: number;
  readonly bits: number;
}

const none = new Uint8Array(0);

function kdf(key: Bytes, salt: Bytes, info: readonly unknown[], length = 32): Bytes {
  return hkdf(sha256, key, salt, cbor(info), length);
}

function streamKey(seed: Bytes, label: string): Bytes {
  return kdf(seed, none, ['parley/v1/stream', label]);
}

/** The words with all masks added or taken off, modulo 2^bits. */
function masked(
  words: readonly number[],
  masks: readonly { readonly seed: Bytes; readonly sign: number }[],
  { label, bits }: Segment,
): number[] {
  const streams = masks.map(({ seed }) => maskWords(streamKey(seed, label), words.length, bits));
  return words.map((word, i) =>
    masks.reduce((sum, { sign }, j) => modulo(sum + sign * streams[j][i], bits), modulo(word, bits)),
  );
}

function told(message: Bytes) {
  return message.length <= 1024 ? hex(message) : { length: message.length, sha256: hex(sha256(message)) };
}

function allHex(fields: Readonly<Record<string, Bytes | readonly Bytes[]>>) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, value instanceof Uint8Array ? hex(value) : value.map(hex)]),
  );
}

function hex(data: Bytes): string {
  return Buffer.from(data).toString('hex');
}

function bytes(text: string): Bytes {
  return Uint8Array.from(Buffer.from(text, 'hex'));
}
