/** Problems: every refusal a peer or a user can cause, from one table, each saying what to do next (RFC 9457). */

/** code → HTTP status, title for people, remedy. The code is all that a hostile peer learns. */
export const problems = {
  'bad-request': [400, 'The request could not be read', 'Check the version of the client.'],
  'bad-signature': [
    403,
    'The signature does not verify',
    'Send the message again, signed with the update key of this client.',
  ],
  'wrong-federation': [
    403,
    'The message names another federation',
    'Join the federation that this coordinator serves.',
  ],
  'wrong-task': [409, 'The message names another task', 'Fetch the current assignment.'],
  'wrong-round': [409, 'The message names another round', 'Fetch the current assignment.'],
  'wrong-sender': [403, 'The message was signed for another sender', 'Send only your own messages.'],
  'not-in-cohort': [409, 'This client is not in the cohort of the round', 'Wait for the next assignment.'],
  'round-closed': [409, 'The round no longer takes updates', 'Wait for the next assignment.'],
  equivocation: [
    409,
    'Another message was already accepted for this round',
    'Send one message per round; the first one stands.',
  ],
  replayed: [409, 'This message was used before', 'Sign a new one.'],
  stale: [403, 'The message is too old or from the future', 'Set the clock of this machine.'],
  malformed: [422, 'The update does not have the form the task declares', 'Train the model that the task names.'],
  'non-finite': [
    422,
    'The update holds a value that is not finite',
    'Look at the data and the learning rate of this site.',
  ],
  'norm-exceeded': [422, 'The update is longer than the task allows', 'Clip the update to aggregation.clipNorm.'],
  'bad-weight': [422, 'The weight is not a positive number within the cap', 'Report the number of training examples.'],
  declined: [409, 'The client cannot take part in this round', 'See the log of that client.'],
  'budget-spent': [
    409,
    'The privacy budget does not allow another release',
    'Nothing was released. Look at: parley privacy ledger. What is released already stays valid.',
  ],
  'draw-void': [409, 'A draw of the public coin misses a party', 'Draw again: an epoch has two draws.'],
  'draw-spent': [409, 'No such draw of the public coin is due', 'Look at the log: an epoch has two draws, in order.'],
  'draw-altered': [
    409,
    'The draw does not hold the commitment of this party',
    'Nothing was revealed. Look at the log: the coordinator changed what it was sent.',
  ],
  'false-reveal': [422, 'What was revealed is not what was committed to', 'Reveal the secret of this very draw.'],
  'group-refused': [
    403,
    'The group promises less than this site asks for',
    'Compare protection of the task with the policy of this site.',
  ],
  'group-small': [409, 'Too few members of the group are left', 'Nothing was opened. Wait for the next round.'],
  'group-altered': [
    409,
    'The coordinator contradicts what it said of the group before',
    'Nothing more leaves. Keep the log, and ask who runs the coordinator.',
  ],
  'set-refused': [
    409,
    'The sum over these members, beside an earlier one, would show single updates',
    'Nothing was opened. Wait for a round with the same members, or with others enough.',
  ],
  'no-quorum': [
    409,
    'Too few members of the group have seen the same sets',
    'Nothing was opened. Where it happens again, ask who runs the coordinator.',
  ],
  'bad-share': [
    422,
    'The member broke the protocol of its group, as its own messages show',
    'It is not asked again in this run. Look at the evidence, and at: parley revoke NAME.',
  ],
  'bad-digest': [422, 'The bytes do not match their digest', 'Send the update again.'],
  'too-large': [413, 'The body is larger than this message can be', 'Check the version of the client.'],
  'too-slow': [408, 'The body did not arrive in time', 'Send it again over a faster connection.'],
  'too-many': [429, 'Too many requests', 'Try again later.'],
  'not-found': [404, 'There is nothing here for this client', 'Check the address.'],
  forbidden: [403, 'This role may not do that', 'Use a certificate of the role that may.'],
  unauthenticated: [401, 'No valid certificate was presented', 'Join the federation, or renew the certificate.'],
  revoked: [403, 'This member was revoked', 'Ask the federation for an invitation under a new name.'],
  'bad-token': [403, 'The invitation is not valid', 'Ask for a new one: parley invite NAME.'],
  'name-taken': [
    409,
    'A member with this name exists',
    'Choose another name, or let the member replace its keys: parley invite NAME --replace.',
  ],
  'bad-csr': [400, 'The certificate request is not valid', 'Check the version of the client.'],
  'task-refused': [422, 'The task is not valid', 'Run: parley task check FILE.'],
  conflict: [409, 'The state changed meanwhile', 'Look at parley status and try again.'],
  'storage-full': [507, 'The disk of the receiver is full', 'Free some space; nothing acknowledged was lost.'],
  unavailable: [503, 'The service is not ready', 'Try again in a moment.'],
  internal: [500, 'Something failed on the receiving side', 'See the log of the receiver.'],
} as const satisfies Record<string, readonly [number, string, string]>;

export type ProblemCode = keyof typeof problems;

/** A refusal with a code from the table. `detail` stays local: it goes to our log, never to the peer. */
export class Problem extends Error {
  override readonly name = 'Problem';
  readonly code: ProblemCode;
  readonly detail: string;
  /** Whom it is about, where whoever throws it knows that and whoever logs it does not. As local as the detail. */
  readonly client: string | undefined;

  constructor(code: ProblemCode, detail = '', options?: { cause?: unknown; client?: string }) {
    super(detail === '' ? `${code}: ${problems[code][1]}` : `${code}: ${detail}`, options);
    this.code = code;
    this.detail = detail;
    this.client = options?.client;
  }

  /** HTTP status of this problem. */
  get status(): number {
    return problems[this.code][0];
  }

  /** What the user can do next, one sentence. */
  get remedy(): string {
    return problems[this.code][2];
  }
}

/** What a user did wrong on this machine (a file, a flag, a disk): where, what, and the remedy. Shown without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError';
  readonly remedy: string;

  /** @param where file, flag or place. @param what what is wrong there. @param remedy one sentence that says what to do next. */
  constructor(where: string, what: string, remedy: string, options?: { cause?: unknown }) {
    super(`${where}: ${what}`, options);
    this.remedy = remedy;
  }
}
