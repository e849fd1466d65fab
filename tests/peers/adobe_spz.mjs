// The reference code of SPZ: node adobe_spz.mjs read FILE, or: write FILE VERSION < arrays. Axes as they are in the file.
import { writeFileSync } from 'node:fs';
import { load, read, receive, send } from './arrays.mjs';

const [task, file, version] = process.argv.slice(2);
const spz = await (await load('@adobe/spz/dist/spz.js')).default({ print() {} }); // stdout is ours
const WIDTHS = { positions: 3, scales: 3, rotations: 4, alphas: 1, colors: 3 };

if (task === 'read') {
  const cloud = spz.loadSpzFromBuffer(new Uint8Array(read(file)), { to: spz.CoordinateSystem.UNSPECIFIED });
  const arrays = {};
  for (const [name, width] of Object.entries(WIDTHS)) arrays[name] = [cloud[name], width];
  if (cloud.shDegree) arrays.sh = [cloud.sh, 3 * ((cloud.shDegree + 1) ** 2 - 1)];
  send(arrays);
} else {
  const arrays = receive();
  const numPoints = arrays.alphas.length;
  const shDegree = Math.round(Math.sqrt((arrays.sh?.length ?? 0) / 3 / numPoints + 1)) - 1;
  const cloud = { sh: new Float32Array(0), ...arrays, numPoints, shDegree, antialiased: false, extensions: [] };
  const options = { version: Number(version), from: spz.CoordinateSystem.UNSPECIFIED, sh1Bits: 5, shRestBits: 4 };
  writeFileSync(file, spz.saveSpzToBuffer(cloud, options));
}
