// A cable between clients and the server that can be cut: a TCP relay on loopback.
import { once } from 'node:events';
import net from 'node:net';

export class Cable {
    static async to(port = 8443) {
        const cable = new Cable();

        cable.plugged = true;
        cable.ends = new Set();
        cable.server = net.createServer(near => {
            if (!cable.plugged) {
                near.resetAndDestroy();

                return;
            }
            const far = net.connect(port, '127.0.0.1');

            cable.ends.add(near).add(far);
            for (const [ one, other ] of [ [ near, far ], [ far, near ] ]) {
                one.pipe(other);
                one.on('error', () => other.destroy());
                one.on('close', () => {
                    cable.ends.delete(one);
                    other.destroy();
                });
            }
        });
        cable.server.listen(0, '127.0.0.1');
        await once(cable.server, 'listening');

        return cable;
    }

    get port() {
        return this.server.address().port;
    }

    /** Every connection breaks without a word; new ones are refused until `plug`. */
    cut() {
        this.plugged = false;
        for (const end of this.ends) {
            end.resetAndDestroy();
        }
    }

    plug() {
        this.plugged = true;
    }

    /** Nothing passes and nothing ends, as when a laptop leaves its network. */
    freeze() {
        for (const end of this.ends) {
            end.pause();
        }
    }

    stop() {
        this.cut();
        this.server.close();
    }
}
