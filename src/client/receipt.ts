/** The coordinator's receipt: signed words that it has stored this payload, and no other. */
import { sameBytes } from '../core/bytes/floats.ts';
import type { Envelope } from '../core/crypto/envelope.ts';
import { labels, parseReceipt } from '../core/protocol/message.ts';
import { Problem } from '../core/protocol/problem.ts';
import type { ClientPorts } from './ports.ts';
import { verifyFromCoordinator } from './verify.ts';

/** Throws Problem unless the coordinator has signed that it stored what was sent. */
export function checkReceipt(receipt: Envelope, sent: Envelope, ports: ClientPorts): void {
  verifyFromCoordinator(receipt, labels.receipt, ports);
  const { label, payload } = parseReceipt(receipt.payload);
  const same = label === sent.label && receipt.round === sent.round && sameBytes(receipt.task, sent.task);
  if (!same || !sameBytes(payload, ports.primitives.sha256(sent.payload)))
    throw new Problem('bad-signature', 'the receipt is for something else');
}
