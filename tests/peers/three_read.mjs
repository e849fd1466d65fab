// Reads a splat file with three.js: node three_read.mjs FILE. Sends what its geometry holds.
import path from 'node:path';
import { load, read, send } from './arrays.mjs';

const LOADERS = {
  '.ply': 'GaussianSplatPLYLoader', '.splat': 'SPLATLoader', '.spz': 'SPZLoader', '.ksplat': 'KSPLATLoader',
};

async function geometryOf(file) {
  const suffix = path.extname(file);
  if (suffix !== '.glb') {
    const name = LOADERS[suffix];
    return new (await load(`three/examples/jsm/loaders/${name}.js`))[name]().parse(read(file));
  }
  globalThis.self = globalThis; // the loader asks it for URL
  const { GLTFLoader } = await load('three/examples/jsm/loaders/GLTFLoader.js');
  const { GLTFGaussianSplatLoaderExtension: Extension } = await load(
    'three/examples/jsm/loaders/GLTFGaussianSplatLoaderExtension.js');
  const loader = new GLTFLoader().register((parser) => new Extension(parser));
  const { scene } = await loader.parseAsync(read(file), '');
  scene.updateMatrixWorld(true);
  const found = [];
  scene.traverse((node) => { if (node.isGaussianSplat) found.push(node); });
  if (found.length !== 1) throw new Error(`${found.length} nodes of splats; expected one`);
  arrays.matrix = [new Float32Array(found[0].matrixWorld.elements), 16]; // column after column
  return found[0].splatGeometry;
}

const arrays = {};
const geometry = await geometryOf(process.argv[2]);
for (const name of ['position', 'covariance', 'color']) {
  arrays[name] = [geometry.getAttribute(name).array, geometry.getAttribute(name).itemSize];
}
for (const [band, width] of [[1, 12], [2, 16], [3, 24]]) {
  const packed = geometry.getAttribute(`sphericalHarmonics${band}`);
  if (packed) arrays[`sh${band}`] = [new Uint8Array(packed.array.buffer), width];
}
send(arrays);
