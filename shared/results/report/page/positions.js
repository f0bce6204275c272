// The list of all positions: sorted by any column, filtered, a page at a time; choosing one shows
// it on the charts.
const positionList = (positions) => {
  const PAGE = 25,
    MOST_PRINTED = 500;
  const body = document.querySelector("#positions tbody"),
    heads = [...document.querySelectorAll("#positions th[data-key]")];
  const filter = document.getElementById("position-filter"),
    counted = document.getElementById("position-count");
  const earlier = document.getElementById("position-earlier"),
    later = document.getElementById("position-later");
  let order = { key: "number", down: false },
    page = 0;
  const held = (one) => (one.open ? drawn.end : one.out_at) - one.in_at;
  const rate = (one) =>
    one.in_price && one.lots ? one.net / ((one.in_price * one.lots) / 1e4) : 0;
  const keys = {
    held,
    rate,
    side: (one) => one.sign,
    out_at: (one) => one.out_at || Infinity,
    voted: (one) => one.voted.join(" "),
  };
  const value = (one) => (keys[order.key] ? keys[order.key](one) : one[order.key]);
  const kinds = {
    all: () => true,
    won: (one) => !one.open && one.net > 0,
    lost: (one) => !one.open && one.net < 0,
    long: (one) => one.sign > 0,
    short: (one) => one.sign < 0,
  };
  for (const reason of new Set(positions.map((one) => one.reason))) {
    const option = document.createElement("option");
    option.value = `why ${reason}`;
    option.textContent = reason;
    filter.appendChild(option);
  }
  // The first word of a strategy's name, where that is enough to know it by.
  const first = (name) => name.split("_")[0];
  const firsts = drawn.positions.names.map(first);
  const short = (name) =>
    firsts.filter((one) => one === first(name)).length === 1
      ? first(name)
      : name.replace(/_/g, " ");
  const chosen = () => {
    const wanted = kinds[filter.value] || ((one) => `why ${one.reason}` === filter.value);
    const rows = positions.filter(wanted);
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)],
        way = x < y ? -1 : x > y ? 1 : 0;
      return (order.down ? -way : way) || a.number - b.number;
    });
    return rows;
  };
  const cell = (row, text, name = "") => {
    const element = row.insertCell();
    if (name) element.className = name;
    element.textContent = text;
    return element;
  };
  const tone = (amount) => (amount > 0 ? " good" : amount < 0 ? " bad" : "");
  const look = (one) => {
    const end = one.open ? drawn.end : one.out_at,
      length = Math.max(6 * HOUR, (end - one.in_at) * 4),
      middle = (one.in_at + end) / 2;
    show(middle - length / 2, middle + length / 2);
    view.chosen = one;
    point(middle);
    document.getElementById("price").scrollIntoView({ block: "nearest" });
    document.getElementById("price-chart").focus({ preventScroll: true });
  };
  const line = (one) => {
    const row = document.createElement("tr");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "look";
    button.textContent = `#${one.number}`;
    button.title = tell("show");
    button.addEventListener("click", () => look(one));
    row.insertCell().appendChild(button);
    cell(row, jst(one.in_at), "time");
    const tag = document.createElement("span");
    tag.className = `tag ${one.sign > 0 ? "long" : "short"}`;
    tag.textContent = sideOf(one.sign);
    row.insertCell().appendChild(tag);
    cell(row, (one.lots / 1e4).toFixed(4), "number");
    cell(row, yen(one.in_price), "number");
    cell(row, one.out_price ? yen(one.out_price) : "\u2013", "number");
    cell(row, one.open ? "\u2013" : jst(one.out_at), "time");
    cell(row, lasting(held(one)), "number");
    cell(row, one.reason + (one.parts > 1 ? ` (${one.parts})` : ""), "why").title =
      one.parts > 1 ? tell("parts", { parts: one.parts }) : "";
    const costs = cell(row, yen(one.fees + one.interest), "number");
    costs.title = tell("costs", {
      fees: yen(one.fees),
      interest: yen(one.interest),
      slippage: yen(one.slippage),
    });
    cell(row, signed(one.net), `number${tone(one.net)}`);
    cell(row, one.open ? "\u2013" : percent(rate(one)), `number${tone(one.net)}`);
    cell(row, one.voted.map(short).join(", ") || "\u2013", "voted").title = one.voted
      .join(", ")
      .replace(/_/g, " ");
    return row;
  };
  const write = (size = PAGE) => {
    const rows = chosen(),
      pages = Math.max(1, Math.ceil(rows.length / size));
    page = Math.min(page, pages - 1);
    const shown = rows.slice(page * size, page * size + size);
    body.replaceChildren(...shown.map(line));
    counted.textContent = rows.length
      ? tell("rows", {
          first: whole.format(page * size + 1),
          last: whole.format(page * size + shown.length),
          all: whole.format(rows.length),
        })
      : tell("no_rows");
    earlier.disabled = page === 0;
    later.disabled = page >= pages - 1;
    for (const head of heads)
      head.setAttribute(
        "aria-sort",
        head.dataset.key === order.key ? (order.down ? "descending" : "ascending") : "none",
      );
  };
  for (const head of heads)
    head.querySelector("button").addEventListener("click", () => {
      order = {
        key: head.dataset.key,
        down: order.key === head.dataset.key ? !order.down : head.dataset.down === "yes",
      };
      page = 0;
      write();
    });
  filter.addEventListener("change", () => {
    page = 0;
    write();
  });
  earlier.addEventListener("click", () => {
    page--;
    write();
  });
  later.addEventListener("click", () => {
    page++;
    write();
  });
  let before = 0;
  window.addEventListener("beforeprint", () => {
    before = page;
    page = 0;
    write(MOST_PRINTED);
  });
  window.addEventListener("afterprint", () => {
    page = before;
    write();
  });
  write();
};
