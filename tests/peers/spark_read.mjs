// Reads a splat file with Spark, whose decoder is compiled from Rust: node spark_read.mjs FILE. Sends what it holds.
import { resolveObjectURL } from 'node:buffer';
import path from 'node:path';
import { load, read, send } from './arrays.mjs';

/** A worker of the browser, in this process: Spark decodes in one. */
class Here {
  constructor(url) {
    this.inside = [];
    const self = {
      addEventListener: (_, listener) => this.inside.push(listener),
      removeEventListener: (_, listener) => (this.inside = this.inside.filter((other) => other !== listener)),
      postMessage: (data) => this.onmessage({ data }),
    };
    const code = resolveObjectURL(url).text();
    this.ready = code.then((text) => new Function('self', text)(self));
  }

  addEventListener() {}

  async postMessage(data) {
    await this.ready;
    for (const listener of this.inside) listener({ data });
  }
}

Object.assign(globalThis, { self: globalThis, window: globalThis, Worker: Here });
const { ExtSplats } = await load('@sparkjsdev/spark/dist/spark.module.js');

const file = process.argv[2];
const types = { '.ply': 'ply', '.spz': 'spz', '.splat': 'splat', '.ksplat': 'ksplat', '.sog': 'pcsogszip', '.rad': 'rad' };
const options = { fileBytes: new Uint8Array(read(file)), fileType: types[path.extname(file)], lod: false };
let splats = await new ExtSplats(options).initialized;
splats = splats.numSplats ? splats : splats.lodSplats;
const count = splats.numSplats;
const arrays = { means: 3, scales: 3, quats: 4, rgb: 3, opacities: 1 };
for (const [name, width] of Object.entries(arrays)) arrays[name] = [new Float32Array(count * width), width];
splats.forEachSplat((i, center, scales, quat, opacity, color) => {
  center.toArray(arrays.means[0], 3 * i);
  scales.toArray(arrays.scales[0], 3 * i);
  quat.toArray(arrays.quats[0], 4 * i);
  arrays.rgb[0].set([color.r, color.g, color.b], 3 * i);
  arrays.opacities[0][i] = opacity;
});
// Words of four coefficients of SH, in rows; the last word of the last band is empty.
for (const name of ['sh1', 'sh2', 'sh3a', 'sh3b']) {
  if (splats.extra[name]) arrays[name] = [splats.extra[name].subarray(0, 4 * count), 4];
}
send(arrays);
process.exit(0);
