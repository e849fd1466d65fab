// Runs in viser's page, before viser. Flying with Shift, walking on the ground, a line of figures.
// Uses `window.__viserMutable` of viser 1.1.1; without it, or without this script, viser's own controls remain.
"use strict";
(() => {
  const EYE = 1.7, STEP_UP = 0.5, STEP_DOWN = 1.2, NOWHERE = -32768;
  const FLY = 3.0, WALK = 2.2, FAST = 4.0; // metres a second, and the factor of Shift
  const MOVES = { KeyW: [0, 1, 0], KeyS: [0, -1, 0], KeyA: [-1, 0, 0], KeyD: [1, 0, 0], KeyQ: [0, 0, -1], KeyE: [0, 0, 1] };
  const held = new Set();
  let fast = false, walking = false, ground = null, feet = 0, last = 0;

  // The token has done its work; keep it out of the address bar and the history.
  const address = new URL(location.href);
  if (address.searchParams.has("token")) {
    address.searchParams.delete("token");
    history.replaceState(null, "", address);
  }

  // viser drops splats smaller than about a pixel, which tears holes into the distance, and those whose centre lies just
  // outside the picture, which tears holes into its edges. Draw both.
  const compile = WebGL2RenderingContext.prototype.shaderSource;
  WebGL2RenderingContext.prototype.shaderSource = function (shader, source) {
    const all = source.replace("weightedDeterminant < 0.25", "vRgba.a < 0.004").replace("1.1 * pos2d.w", "1.5 * pos2d.w");
    compile.call(this, shader, all);
  };

  const typing = (target) => target && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
  addEventListener("keydown", (event) => {
    fast = event.shiftKey;
    if (typing(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.code === "KeyG" && !event.repeat) setWalk(!walking);
    if (!(event.code in MOVES)) return;
    event.stopImmediatePropagation(); // viser would move, too
    held.add(event.code);
  }, true);
  addEventListener("keyup", (event) => { fast = event.shiftKey; held.delete(event.code); }, true);
  addEventListener("blur", () => held.clear());

  async function loadGround() {
    const reply = await fetch("/splatworld/ground");
    const data = await reply.arrayBuffer();
    if (!reply.ok || data.byteLength < 24) return null;
    const [x0, y0, z0, cell] = new Float32Array(data, 0, 4);
    const [nx, ny] = new Uint32Array(data, 16, 2);
    return { x0, y0, z0, cell, nx, ny, levels: new Int16Array(data, 24) };
  }

  // The highest level within reach of a step, smooth between cells of one surface; null where one cannot go.
  function height(x, y, from) {
    const fx = (x - ground.x0) / ground.cell, fy = (y - ground.y0) / ground.cell;
    const near = standing(Math.round(fx), Math.round(fy), from);
    if (near === null) return null;
    const ix = Math.floor(fx), iy = Math.floor(fy), u = fx - ix, v = fy - iy;
    let sum = 0;
    for (const [dx, dy, w] of [[0, 0, (1 - u) * (1 - v)], [1, 0, u * (1 - v)], [0, 1, (1 - u) * v], [1, 1, u * v]]) {
      const h = standing(ix + dx, iy + dy, from);
      sum += w * (h === null || Math.abs(h - near) > STEP_UP ? near : h);
    }
    return sum;
  }

  function standing(ix, iy, from) {
    if (ix < 0 || iy < 0 || ix >= ground.nx || iy >= ground.ny) return null;
    let best = null;
    for (let level = 0; level < 2; level++) {
      const cm = ground.levels[(level * ground.ny + iy) * ground.nx + ix];
      const h = ground.z0 + cm / 100;
      if (cm !== NOWHERE && h <= from + STEP_UP && (best === null || h > best)) best = h;
    }
    return best !== null && best >= from - STEP_DOWN ? best : null;
  }

  // Any place to stand near (x, y), searched in rings: walking may begin high in the air or over water.
  function landing(x, y) {
    for (let ring = 0; ring < 60; ring++) {
      for (let k = 0; k < Math.max(1, ring * 6); k++) {
        const a = (2 * Math.PI * k) / Math.max(1, ring * 6), px = x + ring * Math.cos(a), py = y + ring * Math.sin(a);
        for (let level = 1; level >= 0; level--) {
          const ix = Math.round((px - ground.x0) / ground.cell), iy = Math.round((py - ground.y0) / ground.cell);
          if (ix < 0 || iy < 0 || ix >= ground.nx || iy >= ground.ny) continue;
          const cm = ground.levels[(level * ground.ny + iy) * ground.nx + ix];
          if (cm !== NOWHERE) return [px, py, ground.z0 + cm / 100];
        }
      }
    }
    return null;
  }

  function view() {
    const m = window.__viserMutable, root = m && m.nodeRefFromName && m.nodeRefFromName[""];
    if (!m || !m.cameraControl || !m.camera || !root) return null;
    const camera = m.camera, eye = root.worldToLocal(camera.position.clone());
    const ahead = camera.getWorldDirection(camera.position.clone()).add(camera.position);
    return { m, root, eye, forward: root.worldToLocal(ahead).sub(eye) };
  }

  // While walking, the camera turns about a point just before the eye: dragging looks around.
  function place({ m, root }, eye, forward, reach) {
    const at = root.localToWorld(eye.clone()), to = root.localToWorld(eye.clone().addScaledVector(forward, reach));
    m.cameraControl.setLookAt(at.x, at.y, at.z, to.x, to.y, to.z, false);
  }

  async function setWalk(on) {
    const now = view();
    if (!now || on === walking) return;
    ground = on ? await loadGround() : null;
    const spot = ground && (standing_at(now.eye) || landing(now.eye.x, now.eye.y));
    walking = Boolean(on && spot);
    label();
    if (walking) {
      feet = spot[2];
      place(now, now.eye.set(spot[0], spot[1], feet + EYE), now.forward, 0.05);
    } else {
      place(now, now.eye, now.forward, 8);
    }
  }

  function standing_at(eye) {
    const h = height(eye.x, eye.y, eye.z - EYE);
    return h === null ? null : [eye.x, eye.y, h];
  }

  function walk(now, sideways, ahead, dt) {
    const { eye, forward } = now, flat = Math.hypot(forward.x, forward.y) || 1;
    const fx = forward.x / flat, fy = forward.y / flat, length = Math.hypot(sideways, ahead) || 1;
    const d = (WALK * (fast ? FAST / 1.6 : 1) * dt) / length;
    const dx = (fx * ahead + fy * sideways) * d, dy = (fy * ahead - fx * sideways) * d;
    // At a wall or shore, slide along it.
    for (const [mx, my] of [[dx, dy], [dx, 0], [0, dy], [0, 0]]) {
      const h = height(eye.x + mx, eye.y + my, feet);
      if (h === null) continue;
      feet = h;
      eye.x += mx; eye.y += my;
      break;
    }
    const goal = feet + EYE, gap = goal - eye.z;
    if (!dx && !dy && Math.abs(gap) < 0.001) return;
    eye.z = Math.abs(gap) < 0.02 || Math.abs(gap) > 2 ? goal : eye.z + gap * Math.min(1, 12 * dt);
    place(now, eye, forward, 0.05);
  }

  function fly({ m }, sideways, ahead, up, dt) {
    const d = FLY * (fast ? FAST : 1) * dt, control = m.cameraControl;
    if (sideways) control.truck(sideways * d, 0, false);
    if (up) control.elevate(up * d, false);
    if (ahead) control.forward(ahead * d, false);
  }

  function frame(time) {
    requestAnimationFrame(frame);
    const dt = Math.min((time - last) / 1000, 0.25);
    last = time;
    count(time);
    if (!held.size && !walking) return;
    const now = view();
    if (!now || !now.m.cameraControl.enabled) return;
    const [sideways, ahead, up] = [0, 1, 2].map((k) => [...held].reduce((sum, key) => sum + MOVES[key][k], 0));
    if (walking) walk(now, sideways, ahead, dt);
    else fly(now, sideways, ahead, up, dt);
  }
  requestAnimationFrame(frame);

  // Frames that were really drawn: viser draws on demand only.
  let hud = null, frames = 0, drawn = 0, since = 0;
  function count(time) {
    const points = window.__viserTestpoints;
    if (!points || !points.rendererInfo) return;
    const info = points.rendererInfo.render;
    if (info.frame !== drawn) frames++;
    drawn = info.frame;
    if (time - since < 1000) return;
    label(Math.round((frames * 1000) / (time - since)));
    frames = 0;
    since = time;
  }

  function label(fps) {
    if (!document.body) return;
    if (!hud) {
      hud = document.createElement("div");
      hud.id = "splatworld-hud";
      hud.style.cssText = "position:fixed;left:4.5em;bottom:1.2em;font:12px system-ui;color:#fff;opacity:.75;" +
        "text-shadow:0 0 3px #000;pointer-events:none";
      document.body.append(hud);
    }
    if (fps !== undefined) hud.dataset.fps = fps;
    const speed = hud.dataset.fps > 1 ? ` · ${hud.dataset.fps} frames/s` : "";
    hud.textContent = (walking ? "walking" : "flying") + " · WASD, Shift faster, G " + (walking ? "fly" : "walk") + speed;
  }

  window.splatworld = { setWalk, get walking() { return walking; } };
})();
