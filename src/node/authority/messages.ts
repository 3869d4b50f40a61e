/** Messages between a member and the authority: deterministic CBOR, parsed once. */
import { z } from 'zod';
import { decodeCbor, encodeCbor } from '../../core/bytes/cbor.ts';
import { isName, type Role, roles } from '../../core/protocol/identity.ts';
import { Problem } from '../../core/protocol/problem.ts';

export const authorityMediaType = 'application/cbor';
/** Largest body either way, in bytes. */
export const maxBodyBytes = 65_536;

const der = z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length > 0 && value.length <= 8192);
const bytes = (length: number) => z.custom<Uint8Array>(value => value instanceof Uint8Array && value.length === length);
const name = z.string().refine(isName);
const url = z.url({ protocol: /^https$/ }).max(512);

const enrolRequest = z.strictObject({ token: bytes(64), tlsCsr: der, updateCsr: der });
export type EnrolRequest = z.infer<typeof enrolRequest>;

const enrolResponse = z.strictObject({
  tlsCertificate: der,
  updateCertificate: der,
  issuing: der,
  root: der,
  federation: name,
  role: z.enum(roles as readonly [Role, ...Role[]]),
  organisation: name,
  name,
  coordinatorUrl: url,
  authorityUrl: url,
});
export type EnrolResponse = z.infer<typeof enrolResponse>;

const renewRequest = z.strictObject({
  /** The certificate to renew; its kind says which kind the new one is. */
  certificate: der,
  csr: der,
  /** Unix time in ms. */
  time: z.int().min(0),
  nonce: bytes(32),
  /** By the key of `certificate`, over `renewalMessage`. */
  signature: bytes(64),
});
export type RenewRequest = z.infer<typeof renewRequest>;

const renewResponse = z.strictObject({ certificate: der, issuing: der });
export type RenewResponse = z.infer<typeof renewResponse>;

/** Parses the body of POST /v1/enrol. Throws Problem('bad-request'). */
export function parseEnrolRequest(body: Uint8Array): EnrolRequest {
  return parse(enrolRequest, body);
}

/** Parses the answer to POST /v1/enrol. Throws Problem('bad-request'). */
export function parseEnrolResponse(body: Uint8Array): EnrolResponse {
  return parse(enrolResponse, body);
}

/** Parses the body of POST /v1/renew. Throws Problem('bad-request'). */
export function parseRenewRequest(body: Uint8Array): RenewRequest {
  return parse(renewRequest, body);
}

/** Parses the answer to POST /v1/renew. Throws Problem('bad-request'). */
export function parseRenewResponse(body: Uint8Array): RenewResponse {
  return parse(renewResponse, body);
}

/** What the old key signs for a renewal. */
export function renewalMessage(federation: string, request: Omit<RenewRequest, 'signature'>): Uint8Array {
  const { certificate, csr, time, nonce } = request;
  return encodeCbor(['parley/v1/renew', federation, certificate, csr, time, nonce]);
}

function parse<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  try {
    return schema.parse(decodeCbor(body));
  } catch (cause) {
    throw new Problem('bad-request', 'not the message that belongs here', { cause });
  }
}
