/** A foreign trainer failed at one request: the client declines this round and may be asked again in the next. */
import { UserError } from '../protocol/problem.ts';

/** A program of this site did not do its part: which, what it did, and where to look. It says nothing about the next round. */
export class TrainerFailure extends UserError {}
