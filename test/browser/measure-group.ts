/** How long a member in a Web Worker takes for its part: `node test/browser/measure-group.ts [members] [words]`. */
import { randomBytes } from 'node:crypto';
import { type Answer, findChromium, runInPage } from './chromium.ts';
import { decodeSent, encodeTold } from './group-member.ts';
import { encodeJoined, GroupRound } from './group-round.ts';

const [members, words] = [Number(process.argv[2] ?? 50), Number(process.argv[3] ?? 1_000_000)];
const round = new GroupRound({
  members,
  segments: [{ label: 'update', words, bits: 32 }],
  leaving: 0,
  isComplete: false,
});
const secret = () => Uint8Array.from(randomBytes(32));
const answer: Answer = async (path, body) => {
  const secrets = { root: secret(), self: secret(), channel: secret() };
  if (path === '/group/join') return encodeJoined(round.join(body), secrets, null);
  const [envelope, sent] = decodeSent(body);
  return encodeTold(await round.send(round.pageAt, envelope, sent));
};
const chromium = findChromium();
if (chromium === null) throw new Error('needs Chromium (set CHROMIUM to its path)');
const posted = await runInPage(chromium, 'test/browser/group-page.mjs', answer, 300_000);
process.stdout.write(`${members} members, ${words} words: ${JSON.stringify(posted)}\n`);
