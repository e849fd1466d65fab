// Shows one world: starts the viewer as this device can bear it, and says in words what is missing.
(async () => {
  "use strict";
  const element = (id) => document.getElementById(id);
  const page = JSON.parse(element("page").textContent);
  const query = new URL(location.href).searchParams;

  const fail = (sentence) => {
    element("message").textContent = sentence;
    element("message").hidden = false;
  };

  // A headset draws every splat twice; a phone has less memory and a slower GPU than a desktop.
  const device = () => {
    if (/OculusBrowser|Quest|PicoBrowser|VisionOS|\bVR\b/i.test(navigator.userAgent)) return "headset";
    const small = Math.min(screen.width, screen.height) < 900;
    return matchMedia("(pointer: coarse)").matches && small ? "phone" : "desktop";
  };

  // Files are beside the page, or inside it as base64: then they get addresses of their own.
  const inside = new Map();
  const unpack = async (node) => {
    const bytes = Uint8Array.from(atob(node.textContent), (c) => c.charCodeAt(0));
    let blob = new Blob([bytes], { type: node.dataset.type });
    if (node.dataset.packed) {
      const stream = blob.stream().pipeThrough(new DecompressionStream("gzip"));
      blob = new Blob([await new Response(stream).arrayBuffer()], { type: node.dataset.type });
    }
    inside.set(node.dataset.file, URL.createObjectURL(blob));
    node.remove();
  };
  const address = (name) => name && (inside.get(name) ?? new URL(name, document.baseURI).href);

  // The viewer tells kinds of collision data by the end of the address, which those of inner files lack.
  const answerInnerNames = () => {
    const open = XMLHttpRequest.prototype.open;
    XMLHttpRequest.prototype.open = function (method, url, ...rest) {
      const name = new URL(url, document.baseURI).pathname.split("/").pop();
      return open.call(this, method, inside.get(name) ?? url, ...rest);
    };
  };

  const load = async (name) => {
    const reply = await fetch(address(name));
    if (!reply.ok) throw new Error(`${name} is missing from this page (${reply.status}).`);
    return reply;
  };

  const showName = (viewer) => {
    const [name, button, about] = ["name", "name-button", "about"].map(element);
    const show = (open) => {
      about.hidden = !open;
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => show(about.hidden));
    if (query.has("noui")) name.remove();
    viewer?.events.on("controlsHidden:changed", (hidden) => {
      name.classList.toggle("shown", !hidden);
      if (hidden) show(false);
    });
    element("stage").addEventListener("pointerdown", () => show(false));
    addEventListener("keydown", (event) => event.key === "Escape" && show(false));
  };

  // The viewer loads models of controllers from another host, and takes 0 for the height of every floor.
  const prepareHeadset = (viewer) => {
    const [root, camera] = ["camera root", "camera"].map((name) => viewer.app.root.findByName(name));
    root.script.destroy("xrControllers");
    viewer.app.xr.on("start", () => {
      const at = root.getPosition();
      const eye = viewer.state.cameraMode === "walk" ? page.walker : page.eye;
      const floor = camera.getLocalPosition().y - eye;
      root.setPosition(at.x, floor, at.z);
      Object.assign(root.script.xrNavigation, { groundHeight: floor, _currentGroundY: floor });
    });
  };

  const start = async () => {
    const nodes = [...document.querySelectorAll("script[data-file]")];
    if (location.protocol === "file:" && !nodes.length) {
      throw new Error("Browsers open this page only from a web server: run  python -m http.server  in its folder.");
    }
    const gpu = await navigator.gpu?.requestAdapter();
    if (!gpu && !document.createElement("canvas").getContext("webgl2")) {
      throw new Error("This browser cannot draw in 3D: it offers neither WebGL 2 nor WebGPU.");
    }
    await Promise.all(nodes.map(unpack));
    if (nodes.length) answerInnerNames();

    const kind = device();
    const { scene } = page;
    const contents = scene.streamed ? undefined : load(scene.file);
    const settings = load(page.settings).then((reply) => reply.json());
    // Headsets enter VR from WebGL only, so they start with it and need no second loading.
    const webgl = !gpu || query.has("webgl") || kind === "headset";
    const { createViewer } = await import(address(page.viewer));
    const viewer = await createViewer({
      container: element("stage"),
      settings: await settings,
      contents: await contents,
      contentUrl: address(scene.file),
      contentFilename: scene.file.split("/").pop(),
      posterUrl: address(page.poster),
      skyboxUrl: address(page.sky) ?? undefined,
      collisionUrl: page.collider ? new URL(page.collider, document.baseURI).href : undefined,
      renderer: webgl ? "webgl" : "webgpu",
      budget: kind in page.budgets ? page.budgets[kind] / 1e6 : undefined,
      noanim: !query.has("play"),
      ui: !query.has("noui"),
      lang: query.get("lang") ?? undefined,
    });
    prepareHeadset(viewer);
    showName(viewer);
    window.splatworld = { viewer, device: kind };
  };

  try {
    await start();
  } catch (why) {
    showName();
    fail(why.message);
  }
})();
