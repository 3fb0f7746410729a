// Joins the room named by the first argument, says its nick, and waits to be stopped.
import { join, stream } from './stream.mjs';

const deaf = await stream();

await join(deaf, process.argv[2]);
process.stdout.write(`${deaf.nick}\n`);
