/** The port through which the core reaches reviewed cryptographic primitives: OpenSSL in Node, WebCrypto and noble in browsers. */

/** A private key that signs with Ed25519 and never leaves its holder. */
export interface Signer {
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** RFC 8032 Ed25519 signature over `message`, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
}

/** A running SHA-256, for bytes that arrive in chunks. */
export interface Digest {
  update(chunk: Uint8Array): void;
  /** 32 bytes; call once. A promise where the platform hashes beside this thread. */
  digest(): Uint8Array | Promise<Uint8Array>;
}

export interface Primitives {
  /** SHA-256 of the bytes, 32 bytes (FIPS 180-4). For small inputs; large ones go through `createSha256` or `sha256Large`. */
  sha256(bytes: Uint8Array): Uint8Array;
  /** SHA-256 of a large buffer, off this thread where the platform can. The buffer must not change until it resolves. */
  sha256Large(bytes: Uint8Array): Promise<Uint8Array>;
  createSha256(): Digest;
  /** Strict RFC 8032 §5.1.7 verification: canonical encodings only, no small-order keys. False for anything else; never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** Bytes from the operating system's CSPRNG. */
  randomBytes(count: number): Uint8Array;
}
