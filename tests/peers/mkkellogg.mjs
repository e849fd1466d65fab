// The program .ksplat comes from: node mkkellogg.mjs read FILE, or: write PLY FILE LEVEL DEGREE [SECTION_SIZE].
globalThis.window = { setTimeout, navigator: { userAgent: '' } }; // it is written for browsers

import { writeFileSync } from 'node:fs';
import { load, read, send } from './arrays.mjs';

const { Matrix4 } = await load('three/build/three.module.js');
const { KSplatLoader, PlyLoader } = await load('@mkkellogg/gaussian-splats-3d/build/gaussian-splats-3d.module.js');

if (process.argv[2] === 'read') {
  const found = await KSplatLoader.loadFromFileData(read(process.argv[3]));
  const count = found.getSplatCount();
  const degree = found.getMinSphericalHarmonicsDegree();
  const width = [0, 9, 24][degree];
  const arrays = {
    means: [new Float32Array(count * 3), 3], scales: [new Float32Array(count * 3), 3],
    quats: [new Float32Array(count * 4), 4], rgba: [new Uint8Array(count * 4), 4],
  };
  found.fillSplatCenterArray(arrays.means[0]);
  found.fillSplatScaleRotationArray(arrays.scales[0], arrays.quats[0], undefined, 0, count - 1, 0, 0);
  found.fillSplatColorArray(arrays.rgba[0], 0);
  if (degree) {
    arrays.sh = [new Float32Array(count * width), width];
    // Without a transform those of level 2 would stay bytes.
    found.fillSphericalHarmonicsArray(arrays.sh[0], degree, new Matrix4(), 0, count - 1, 0, 0);
  }
  send(arrays);
} else {
  const [ply, file, level, degree, sectionSize] = process.argv.slice(3);
  const numbers = [Number(level), true, Number(degree), Number(sectionSize ?? 0)];
  const made = await PlyLoader.loadFromFileData(read(ply), 0, ...numbers);
  writeFileSync(file, Buffer.from(made.bufferData));
}
