// The page: connects with mqtt.js, keeps the newest homography of each camera, draws it when the browser draws.
// Everything that came over the network is put in as text, never as markup.
"use strict";

(() => {
  const STALE_MS = 1500; // frames expire after 1 s unless publish.frame_expiry_s says otherwise
  const GONE_MS = 10000; // as publish.latest_expiry_s: then a homography is not shown any more
  const EVENTS_SHOWN = 20, EVENTS_REMEMBERED = 4096, NOTICES_SHOWN = 8;

  const page = (id) => document.getElementById(id);
  const form = page("connect"), status = page("status");
  const boxes = new Map(); // "site/device" -> its newest state message
  const cameras = new Map(); // "site/device/camera" -> Camera
  const notices = new Map(); // text -> {count, item}
  const seenEvents = new Set();
  let client = null;

  // ---- the link

  function say(link, text) {
    status.dataset.link = link;
    if (status.textContent !== text) status.textContent = text; // a screen reader reads every change aloud
  }

  function connect() {
    if (typeof mqtt === "undefined") {
      say("down", "mqtt.min.js is not beside this page: npm install mqtt@5, then copy node_modules/mqtt/dist/mqtt.min.js here.");
      return;
    }
    if (client) client.end(true);
    for (const camera of cameras.values()) camera.element.remove();
    for (const known of [boxes, cameras, notices, seenEvents]) known.clear();
    page("notices").replaceChildren();
    page("empty").hidden = false;

    const { broker, prefix, user, password } = Object.fromEntries(new FormData(form));
    const query = new URLSearchParams(location.search);
    for (const [key, value] of Object.entries({ broker, prefix, user })) query.set(key, value);
    history.replaceState(null, "", `?${query}`); // for bookmarks; never the password
    say("down", `Connecting to ${broker} …`);
    try {
      client = mqtt.connect(broker, {
        protocolVersion: query.get("mqtt") === "4" ? 4 : 5, // 4 is MQTT 3.1.1
        clientId: `touchline-page-${Math.random().toString(16).slice(2, 14)}`,
        username: user || undefined,
        password: password || undefined,
        reconnectPeriod: 1000,
        connectTimeout: 5000,
        keepalive: 15,
        resubscribe: false, // done at every `connect`
      });
    } catch (error) {
      say("down", `${broker}: ${error.message}. Use ws://host:port or wss://host:port.`);
      return;
    }
    listen(client, broker, prefix);
  }

  function listen(mine, broker, prefix) {
    let refused = "";
    const current = (act) => (...values) => { if (mine === client) act(...values); };
    mine.on("connect", current(() => {
      refused = "";
      say("up", `Connected to ${broker}.`);
      mine.subscribe(touchline.subscriptions(prefix), (error) => {
        if (error) say("down", `${broker} does not let this user read ${prefix}/v1/#: ${error.message}`);
      });
    }));
    mine.on("error", current((error) => {
      // A refusal (wrong password, not allowed) is not tried again; a link that breaks is.
      if (error.code !== undefined && typeof error.code === "number") refused = error.message;
    }));
    mine.on("close", current(() => {
      say("down", refused
        ? `${broker} refuses: ${refused}. Check user and password, then connect again.`
        : `No connection to ${broker}; trying again.`);
      refreshAll();
    }));
    mine.on("message", current((topic, payload, packet) => take(prefix, topic, payload, packet)));
  }

  // ---- messages

  function take(prefix, topic, payload, packet) {
    const address = touchline.parseTopic(prefix, topic);
    if (!address || payload.length === 0) return; // an empty one clears a retained topic
    const { message, problem } = touchline.readMessage(address.kind, payload.toString());
    if (problem) {
      notice(`${topic}: ${problem}`);
      return;
    }
    if (address.kind === "state") takeState(address, message);
    else if (address.kind === "event") takeEvent(address, message);
    else cameraOf(address).take(message, address.kind === "latest", packet.retain);
  }

  function takeState(address, message) {
    const box = `${address.site}/${address.device}`;
    if (touchline.isOldWill(message, boxes.get(box))) return;
    boxes.set(box, message);
    refreshAll();
  }

  function takeEvent(address, message) {
    if (seenEvents.has(message.id)) return; // sent again after a lost link
    seenEvents.add(message.id);
    if (seenEvents.size > EVENTS_REMEMBERED) seenEvents.delete(seenEvents.values().next().value);
    cameraOf(address).addEvent(message);
  }

  function notice(text) {
    let known = notices.get(text);
    if (!known) {
      if (notices.size >= NOTICES_SHOWN) return;
      known = { count: 0, item: document.createElement("li") };
      notices.set(text, known);
      page("notices").append(known.item);
    }
    known.count++;
    known.item.textContent = known.count > 1 ? `${text} (${known.count} times)` : text;
  }

  // ---- a camera

  class Camera {
    constructor(address) {
      this.box = `${address.site}/${address.device}`;
      this.element = page("camera").content.firstElementChild.cloneNode(true);
      this.parts = {};
      for (const part of this.element.querySelectorAll("[data-part]")) this.parts[part.dataset.part] = part;
      this.parts.name.textContent = `${this.box}/${address.camera}`;
      this.element.dataset.camera = this.parts.name.textContent;
      this.message = null;
      this.receivedAt = -Infinity;
      this.copy = false; // whether the message is a kept copy, from before this page came
      this.arrivals = [];
      this.fieldKey = "";
      this.pixel = null;
      this.due = false;
      this.parts.pixel.addEventListener("input", () => this.choose());
      this.parts.pixel.addEventListener("submit", (event) => event.preventDefault());
      this.parts.picture.addEventListener("click", (event) => this.click(event));
    }

    take(message, isLatest, retained) {
      if (this.message && touchline.isOlder(message, this.message, isLatest)) return;
      const now = performance.now();
      this.message = message;
      this.receivedAt = now;
      this.copy = retained;
      if (!isLatest) this.arrivals.push(now);
      this.refresh();
    }

    addEvent(event) {
      const item = document.createElement("li");
      const time = new Date(event.time_ns / 1e6).toLocaleTimeString();
      const reason = event.reason && event.reason !== "none" ? `, ${event.reason}` : "";
      const detail = Object.entries(event.detail ?? {}).map(([key, value]) => `, ${key} ${value}`).join("");
      item.textContent = `${time} ${event.kind}${reason}${detail}`;
      this.parts.events.prepend(item);
      while (this.parts.events.children.length > EVENTS_SHOWN) this.parts.events.lastElementChild.remove();
    }

    /** Draw once, with what is newest, when the browser draws next. */
    refresh() {
      if (this.due) return;
      this.due = true;
      requestAnimationFrame(() => {
        this.due = false;
        this.draw();
      });
    }

    /** verified, refined, tracked, held, lost; stale: none came lately; gone: too old to show; none: none came. */
    view() {
      if (!this.message) return "none";
      const age = performance.now() - this.receivedAt;
      if (age > GONE_MS) return "gone";
      return this.copy || age > STALE_MS ? "stale" : this.message.state;
    }

    draw() {
      const view = this.view(), parts = this.parts;
      this.element.dataset.view = view;
      if (this.message) this.element.dataset.frame = this.message.frame_id;
      const age = ((performance.now() - this.receivedAt) / 1000).toFixed(0);
      const badge = { none: "no frame yet", gone: `nothing for ${age} s`, stale: this.copy ? "last known" : `stale, ${age} s` };
      parts.state.textContent = badge[view] ?? view;
      const state = client && client.connected ? boxes.get(this.box) : null;
      parts.box.textContent = state ? `box ${state.status}${state.clean ? "" : " (link broke)"}` : "box: not known";
      if (!this.message) return;
      const shown = view === "gone" ? { ...this.message, field_from_image: null } : this.message;
      this.prepare(shown);
      const seen = touchline.visibleArea(shown, this.margin);
      parts.seen.setAttribute("points", seen.map(([x, y]) => `${x.toFixed(2)},${(-y).toFixed(2)}`).join(" "));
      const segments = touchline.linesInPicture(shown, this.lines);
      parts.drawn.setAttribute("d", path(segments, 1));
      parts.words.textContent = this.words(view, shown);
      parts.fieldTitle.textContent = `${shown.field.name} from above. ${parts.words.textContent}`;
      this.drawPixel(shown);
    }

    words(view, m) {
      if (view === "gone") return `The last frame was ${m.frame_id}; too old to be of use.`;
      if (m.state === "lost") return `No homography (${m.reason}), frame ${m.frame_id}`;
      const { length_m: length, width_m: width } = m.field;
      const share = (100 * touchline.area(touchline.visibleArea(m))) / (length * width);
      const error = m.quality.expected_error_m;
      const now = performance.now();
      this.arrivals = this.arrivals.filter((at) => now - at < 2000);
      return [
        `score ${m.quality.score.toFixed(2)}`,
        typeof error === "number" ? `expected error ${error.toFixed(2)} m` : "expected error not known",
        `sees ${share.toFixed(0)} % of the field`,
        `${(this.arrivals.length / 2).toFixed(0)} frames/s`,
        `frame ${m.frame_id}`,
      ].join(" · ");
    }

    /** Draw the field's lines, once for each field and size, and set what depends on the picture's size. */
    prepare(m) {
      const key = JSON.stringify([m.field, m.image_size]);
      if (key === this.fieldKey) return;
      this.fieldKey = key;
      const known = Object.hasOwn(touchlineFields, m.field.name) ? touchlineFields[m.field.name] : null;
      this.margin = known ? known.runoff_m : 2;
      this.lines = touchline.fieldLines(m.field, touchlineFields);
      const x = m.field.length_m / 2 + this.margin, y = m.field.width_m / 2 + this.margin;
      const [width, height] = m.image_size;
      const { field, grass, picture, frame, lines, point, pixel } = this.parts;
      place(field, grass, -x, -y, 2 * x, 2 * y);
      place(picture, frame, -0.5, -0.5, width, height);
      lines.setAttribute("d", path(this.lines, -1)); // y points up on the field, down in SVG
      point.setAttribute("r", m.field.length_m / 130);
      pixel.u.max = width - 1;
      pixel.v.max = height - 1;
      if (!this.pixel) this.setPixel(Math.round(width / 2), Math.round(height * 0.6));
    }

    // ---- pixel to metres

    click(event) {
      const matrix = this.parts.picture.getScreenCTM();
      if (!matrix || !this.message) return;
      const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix.inverse());
      this.setPixel(Math.round(at.x), Math.round(at.y));
      this.refresh();
    }

    setPixel(u, v) {
      this.parts.pixel.u.value = u;
      this.parts.pixel.v.value = v;
      this.choose();
    }

    choose() {
      const { u, v } = this.parts.pixel;
      this.pixel = u.value !== "" && v.value !== "" ? [u.valueAsNumber, v.valueAsNumber] : [NaN, NaN];
      this.refresh();
    }

    drawPixel(m) {
      const [u, v] = this.pixel, parts = this.parts;
      const valid = Number.isFinite(u) && Number.isFinite(v);
      const arm = m.image_size[0] / 60;
      parts.cross.setAttribute("d", valid ? `M${u - arm} ${v}H${u + arm}M${u} ${v - arm}V${v + arm}` : "");
      const at = valid ? touchline.fieldFromPixel(m, u, v) : null;
      for (const circle of [parts.point, parts.error]) {
        circle.setAttribute("visibility", at ? "visible" : "hidden");
        if (at) {
          circle.setAttribute("cx", at.x);
          circle.setAttribute("cy", -at.y);
        }
      }
      parts.error.setAttribute("r", at && at.error_m !== null ? at.error_m : 0);
      parts.metres.textContent = metres(m, valid, at);
    }
  }

  function metres(m, valid, at) {
    if (!valid) return "Type a pixel: u to the right, v down.";
    if (!m.field_from_image) return "No homography now.";
    if (!at) return "Above the horizon.";
    const error = at.error_m === null ? "error not known" : `± ${at.error_m.toFixed(2)} m`;
    return `x ${at.x.toFixed(2)} m, y ${at.y.toFixed(2)} m, ${error}`;
  }

  /** SVG path of polylines, y times `flip`. */
  function path(lines, flip) {
    return lines.map((points) => points
      .map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(2)} ${(flip * y).toFixed(2)}`).join("")).join("");
  }

  /** Give a drawing its coordinates, and a rectangle that fills it. */
  function place(svg, rectangle, x, y, width, height) {
    svg.setAttribute("viewBox", `${x} ${y} ${width} ${height}`);
    for (const [name, value] of Object.entries({ x, y, width, height })) rectangle.setAttribute(name, value);
  }

  function cameraOf(address) {
    const key = `${address.site}/${address.device}/${address.camera}`;
    let camera = cameras.get(key);
    if (!camera) {
      camera = new Camera(address);
      cameras.set(key, camera);
      page("empty").hidden = true;
      const after = [...cameras.keys()].sort().find((other) => other > key);
      page("cameras").insertBefore(camera.element, after ? cameras.get(after).element : null);
      camera.refresh();
    }
    return camera;
  }

  function refreshAll() {
    for (const camera of cameras.values()) camera.refresh();
  }

  // ---- start

  const query = new URLSearchParams(location.search);
  const secure = location.protocol === "https:"; // such a page may open no ws://; a broker that serves it is at hand
  form.broker.value = query.get("broker")
    || (secure ? `wss://${location.host}` : `ws://${location.hostname || "localhost"}:9001`);
  form.prefix.value = query.get("prefix") || "touchline";
  form.user.value = query.get("user") || "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    connect();
  });
  setInterval(refreshAll, 500); // so that what is stale becomes so without a message
  if (query.get("broker") && !query.get("user")) connect();
})();
