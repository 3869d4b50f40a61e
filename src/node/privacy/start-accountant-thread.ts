/** Accountants in a thread of their own: a report takes about a second, in which a command can be interrupted. */
import { type AnswerMessage, type AskedMessage, startAskedThreads } from '../asked-thread.ts';
import {
  type AccountantAnswer,
  type AccountantRequest,
  answerTo,
  type Question,
  type Questions,
} from './accountant-request.ts';

export interface AccountantRefusal {
  readonly message: string;
  readonly kind: 'range' | 'failure';
}
export type AccountantMessage = AskedMessage<AccountantRequest>;
export type AccountantReply = AnswerMessage<AccountantAnswer, AccountantRefusal>;

/** Answers one question after the other. */
export interface AccountantThread {
  /** Rejects with what the function asked throws. */
  ask<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Promise<Questions[Q]['answer']>;
  close(): Promise<void>;
}

/**
 * Starts the thread. Where none can be started, and once it has ended by itself, questions are answered in the calling thread: the same
 * figures, but nothing else happens meanwhile. It does not keep the process alive while it has nothing to answer.
 */
export async function startAccountantThread(): Promise<AccountantThread> {
  // accountant-thread.ts in a checkout, accountant-thread.js in a package.
  const file = import.meta.url.endsWith('.ts') ? './accountant-thread.ts' : './accountant-thread.js';
  const failures = { refused, ended: (what: string, cause?: unknown) => new ThreadEnded(what, { cause }) };
  const started = await startAskedThreads<AccountantRequest, AccountantAnswer, AccountantRefusal>(
    1,
    new URL(file, import.meta.url),
    failures,
  ).catch(() => []);
  return {
    async ask<Q extends Question>(question: Q, ask: Questions[Q]['ask']): Promise<Questions[Q]['answer']> {
      // Question and ask belong together by the signature.
      const request = { question, ask } as AccountantRequest;
      for (const thread of started) {
        if (thread.hasEnded) break;
        try {
          return await thread.ask(request);
        } catch (error) {
          if (!(error instanceof ThreadEnded)) throw error;
        }
      }
      return answerTo(request);
    },
    async close() {
      await Promise.all(started.map(thread => thread.close()));
    },
  };
}

class ThreadEnded extends Error {}

function refused({ message, kind }: AccountantRefusal): Error {
  return kind === 'range' ? new RangeError(message) : new Error(message);
}
