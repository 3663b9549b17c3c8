-- The tables of a recording (`.gscope`), format version 1. docs/gscope.md explains them to readers.
--
-- A table that is named after a noun of ganscope.traces holds one row per instance, in columns that
-- are named after the noun's fields. To add a field to a noun, add it to the dataclass and add a
-- column of the same name here; nothing else. The field's annotation decides what is stored:
--
--   int, bool    INTEGER (0 or 1)
--   float        REAL
--   str          INTEGER REFERENCES text: each text is stored once; or TEXT, in place
--   CallSite     INTEGER REFERENCES site
--   bytes        BLOB
--   Histogram, and the numbers of a preview     BLOB, see blobs.py
--   any other tuple or mapping                  JSON, as a text like str
--
-- A field that holds another noun has no column: that noun has a table, and NESTED in table.py says
-- how the two are connected. The columns that are no fields are the keys for that. For a new noun,
-- add its table here, the count of its rows to interval, and one line each to OF_INTERVALS and NESTED.
--
-- Rows are only ever appended. A key is unique in the recording and counts from 0; an interval's
-- rows follow those of the interval before. What a column cannot hold stands in odd_value.

-- The recording as a whole ------------------------------------------------------------------------

CREATE TABLE recording(
    id INTEGER PRIMARY KEY,   -- always 1
    token BLOB,               -- random: distinguishes it from another recording at the same path
    closed INTEGER,           -- 1 once the recording was ended in order
    intervals INTEGER,        -- how many intervals it then had
    regrouped INTEGER,        -- how often intervals were replaced or given another step
    checksum INTEGER,         -- of this row's other columns and of the three tables below
    ganscope TEXT,
    torch TEXT,
    python TEXT,
    seed INTEGER,
    device TEXT,
    threads INTEGER,
    command TEXT,
    created TEXT,
    completeness TEXT,
    notes TEXT,
    mode TEXT
);

CREATE TABLE network(
    key INTEGER PRIMARY KEY,
    name TEXT,
    type TEXT,
    role TEXT,
    parameters INTEGER,
    wrapper TEXT
);

CREATE TABLE failure(
    key INTEGER PRIMARY KEY,
    step INTEGER,
    "update" INTEGER,
    call INTEGER,
    message TEXT,
    expected TEXT,
    got TEXT,
    site INTEGER REFERENCES site
);

CREATE TABLE finding(
    key INTEGER PRIMARY KEY,
    code TEXT,
    severity TEXT,
    "where" TEXT,
    evidence TEXT,
    why TEXT,
    mend TEXT
);

CREATE TABLE known_optimizer(   -- every optimizer, whether it has stepped or not
    key INTEGER PRIMARY KEY,
    name TEXT,
    type TEXT,
    learning_rates TEXT,
    betas TEXT,
    momentum TEXT,
    weight_decay TEXT,
    holds TEXT,
    steps INTEGER
);

CREATE TABLE source_text(       -- the functions around sites, as they ran
    key INTEGER PRIMARY KEY,
    file TEXT,
    line INTEGER,             -- at which the text begins
    text TEXT
);

CREATE TABLE text(
    id INTEGER PRIMARY KEY,
    text TEXT                 -- a blob of UTF-8 where it contains half of a surrogate pair
);

CREATE TABLE site(
    id INTEGER PRIMARY KEY,
    file INTEGER REFERENCES text,
    line INTEGER,
    code INTEGER REFERENCES text
);

CREATE TABLE odd_value(       -- stands in for a NULL in a column that cannot hold the value
    interval INTEGER,         -- -1: of the recording as a whole
    "table" TEXT,
    "column" TEXT,
    place INTEGER,            -- which of the interval's rows in that table, from 0
    value TEXT,               -- 'nan', '-0.0', or an integer of more than 64 bits
    PRIMARY KEY(interval, "table", "column", place)
) WITHOUT ROWID;

-- Intervals, and the steps that label them --------------------------------------------------------

CREATE TABLE interval(
    id INTEGER PRIMARY KEY,   -- 0, 1, 2 and so on, without a gap
    step INTEGER,             -- a label; consecutive intervals with the same label are one step
    form INTEGER,             -- equal for intervals with the same calls, tensors and updates
    checksum INTEGER,         -- CRC-32 of all rows of the interval, plus `step`
    -- How many rows each table has up to the end of the interval: the rows of interval i are those
    -- whose keys run from the number in interval i - 1 up to, but not including, the one in i.
    call INTEGER,
    tensor INTEGER,
    statistics INTEGER,
    gradient INTEGER,
    training_update INTEGER,
    optimizer INTEGER,
    loss INTEGER,
    loss_part INTEGER,
    backward INTEGER,
    parameter_update INTEGER,
    ledger_entry INTEGER,
    judgement INTEGER,
    gradient_split INTEGER,
    buffer_change INTEGER,
    event INTEGER
);

-- Forward -----------------------------------------------------------------------------------------

CREATE TABLE call(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    id INTEGER,
    parent INTEGER,
    "update" INTEGER,
    purpose INTEGER REFERENCES text,
    kind INTEGER REFERENCES text,
    network INTEGER REFERENCES text,
    path INTEGER REFERENCES text,
    type INTEGER REFERENCES text,
    nth INTEGER,
    parameters INTEGER,
    seconds REAL,
    site INTEGER REFERENCES site,
    settings INTEGER REFERENCES text,
    note INTEGER REFERENCES text,
    mode INTEGER REFERENCES text,
    recomputed INTEGER,
    original INTEGER,
    frozen_parameters INTEGER,
    arguments INTEGER REFERENCES text,
    sequence INTEGER,
    ended INTEGER
);

CREATE INDEX call_of_interval ON call(interval);

CREATE TABLE call_input(
    call INTEGER REFERENCES call,
    place INTEGER,            -- which of the call's inputs, from 0
    tensor INTEGER REFERENCES tensor,
    PRIMARY KEY(call, place)
) WITHOUT ROWID;

CREATE TABLE call_output(
    call INTEGER REFERENCES call,
    place INTEGER,
    tensor INTEGER REFERENCES tensor,
    PRIMARY KEY(call, place)
) WITHOUT ROWID;

CREATE TABLE tensor(          -- a TensorRecord; one that calls share is one row
    key INTEGER PRIMARY KEY,
    statistics INTEGER REFERENCES statistics,
    shape INTEGER REFERENCES text,
    dtype INTEGER REFERENCES text,
    device INTEGER REFERENCES text,
    requires_grad INTEGER,
    note INTEGER REFERENCES text,
    preview BLOB,
    name INTEGER REFERENCES text,
    id INTEGER,
    alias_of INTEGER,
    changed_from INTEGER,
    is_leaf INTEGER,
    kind INTEGER REFERENCES text,
    spread REAL
);

CREATE TABLE samples(
    tensor INTEGER PRIMARY KEY REFERENCES tensor,
    indices INTEGER REFERENCES text,
    shape INTEGER REFERENCES text,
    data BLOB
);

CREATE TABLE earlier(
    tensor INTEGER PRIMARY KEY REFERENCES tensor,
    network INTEGER REFERENCES text,
    share REAL,
    how INTEGER REFERENCES text
);

CREATE TABLE statistics(      -- of tensors, gradients and parameters' gradients
    key INTEGER PRIMARY KEY,
    count INTEGER,
    mean REAL,
    std REAL,
    min REAL,
    max REAL,
    norm REAL,
    fraction_nonpositive REAL,
    fraction_zero REAL,
    nonfinite INTEGER,
    histogram BLOB
);

-- Backward and updates ----------------------------------------------------------------------------

CREATE TABLE gradient(
    key INTEGER PRIMARY KEY,
    call INTEGER REFERENCES call,
    statistics INTEGER REFERENCES statistics,
    backward INTEGER,         -- the id of the backward in its step
    output INTEGER,
    sequence INTEGER
);

CREATE INDEX gradient_of_call ON gradient(call);

CREATE TABLE training_update(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    "index" INTEGER,
    networks INTEGER REFERENCES text,
    gradient_scale REAL,
    changed_outside INTEGER REFERENCES text
);

CREATE TABLE optimizer(
    key INTEGER PRIMARY KEY,
    training_update INTEGER REFERENCES training_update,
    name INTEGER REFERENCES text,
    type INTEGER REFERENCES text,
    learning_rates INTEGER REFERENCES text,
    betas INTEGER REFERENCES text,
    momentum INTEGER REFERENCES text,
    weight_decay INTEGER REFERENCES text,
    holds INTEGER REFERENCES text,
    steps INTEGER
);

CREATE TABLE loss(
    key INTEGER PRIMARY KEY,
    training_update INTEGER REFERENCES training_update,
    name INTEGER REFERENCES text,
    value REAL,
    call INTEGER              -- the id of the call in its step
);

CREATE TABLE loss_part(
    key INTEGER PRIMARY KEY,
    loss INTEGER REFERENCES loss,
    name INTEGER REFERENCES text,
    value REAL
);

CREATE TABLE backward(
    key INTEGER PRIMARY KEY,
    training_update INTEGER REFERENCES training_update,
    id INTEGER,
    loss INTEGER REFERENCES text,
    kind INTEGER REFERENCES text,
    reached INTEGER REFERENCES text,
    create_graph INTEGER,
    retain_graph INTEGER,
    site INTEGER REFERENCES site,
    sequence INTEGER,
    ended INTEGER
);

CREATE TABLE parameter_update(
    key INTEGER PRIMARY KEY,
    training_update INTEGER REFERENCES training_update,
    statistics INTEGER REFERENCES statistics,  -- of the gradient
    name INTEGER REFERENCES text,
    shape INTEGER REFERENCES text,
    optimizer INTEGER REFERENCES text,
    weight_norm REAL,
    update_norm REAL,
    update_ratio REAL,
    dtype INTEGER REFERENCES text,
    weight_min TEXT,          -- before and after, as JSON
    weight_max TEXT,
    clipped_from REAL
);

CREATE TABLE buffer_change(
    key INTEGER PRIMARY KEY,
    training_update INTEGER REFERENCES training_update,
    name INTEGER REFERENCES text,
    norm_before REAL,
    change_norm REAL
);

CREATE TABLE ledger_entry(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    network INTEGER REFERENCES text,
    backward INTEGER,
    tensors INTEGER,
    fate INTEGER REFERENCES text,
    "update" INTEGER
);

CREATE TABLE judgement(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    moment INTEGER REFERENCES text,
    real REAL,
    fake REAL,
    accuracy_real REAL,
    accuracy_fake REAL,
    is_probability INTEGER
);

CREATE TABLE gradient_split(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    network INTEGER REFERENCES text,
    real_norm REAL,
    fake_norm REAL,
    total_norm REAL,
    angle REAL
);

CREATE TABLE event(
    key INTEGER PRIMARY KEY,
    interval INTEGER REFERENCES interval,
    sequence INTEGER,
    kind INTEGER REFERENCES text,
    name INTEGER REFERENCES text,
    network INTEGER REFERENCES text,
    count INTEGER,
    last INTEGER,
    tensors TEXT,             -- ids, as JSON
    site INTEGER REFERENCES site,
    after INTEGER
);

-- Views for questions: texts in place of their numbers, a step in place of an interval ------------

CREATE VIEW steps AS
SELECT i.step, sum(i.call - coalesce(p.call, 0)) AS calls,
    sum(i.training_update - coalesce(p.training_update, 0)) AS updates
FROM interval AS i LEFT JOIN interval AS p ON p.id = i.id - 1
GROUP BY i.step;

CREATE VIEW calls AS
SELECT i.step, c.id, c.parent, c."update" AS update_index,
    (SELECT text FROM text WHERE id = c.purpose) AS purpose,
    (SELECT text FROM text WHERE id = c.kind) AS kind,
    (SELECT text FROM text WHERE id = c.network) AS network,
    (SELECT text FROM text WHERE id = c.path) AS path,
    (SELECT text FROM text WHERE id = c.type) AS type,
    c.nth, c.parameters, c.seconds,
    (SELECT text FROM text WHERE id = s.file) AS file, s.line,
    (SELECT text FROM text WHERE id = c.arguments) AS arguments,
    (SELECT x.text FROM call_output AS o JOIN tensor AS t ON t.key = o.tensor
        JOIN text AS x ON x.id = t.shape WHERE o.call = c.key AND o.place = 0) AS output_shape,
    (SELECT f.mean FROM call_output AS o JOIN tensor AS t ON t.key = o.tensor
        JOIN statistics AS f ON f.key = t.statistics
        WHERE o.call = c.key ORDER BY o.place LIMIT 1) AS output_mean,
    (SELECT f.std FROM call_output AS o JOIN tensor AS t ON t.key = o.tensor
        JOIN statistics AS f ON f.key = t.statistics
        WHERE o.call = c.key ORDER BY o.place LIMIT 1) AS output_std,
    (SELECT f.norm FROM gradient AS g JOIN statistics AS f ON f.key = g.statistics
        WHERE g.call = c.key ORDER BY g.key LIMIT 1) AS gradient_norm
FROM interval AS i JOIN call AS c ON c.interval = i.id LEFT JOIN site AS s ON s.id = c.site;

CREATE VIEW tensors AS
SELECT i.step, c.id AS call, (SELECT text FROM text WHERE id = c.path) AS path,
    o.direction, o.place, t.id, t.alias_of, t.changed_from,
    (SELECT text FROM text WHERE id = t.name) AS name,
    (SELECT text FROM text WHERE id = t.shape) AS shape,
    (SELECT text FROM text WHERE id = t.dtype) AS dtype,
    (SELECT text FROM text WHERE id = t.device) AS device,
    (SELECT text FROM text WHERE id = t.kind) AS kind,
    t.requires_grad, t.is_leaf,
    (SELECT x.text FROM earlier AS e JOIN text AS x ON x.id = e.network
        WHERE e.tensor = t.key) AS earlier_network,
    f.count, f.mean, f.std, f.min, f.max, f.norm, f.fraction_nonpositive, f.fraction_zero,
    f.nonfinite
FROM interval AS i JOIN call AS c ON c.interval = i.id JOIN (
    SELECT call, 'input' AS direction, place, tensor FROM call_input
    UNION ALL SELECT call, 'output', place, tensor FROM call_output
) AS o ON o.call = c.key
JOIN tensor AS t ON t.key = o.tensor LEFT JOIN statistics AS f ON f.key = t.statistics;

CREATE VIEW gradients AS
SELECT i.step, g.backward, c.id AS call, (SELECT text FROM text WHERE id = c.path) AS path,
    g.output, f.mean, f.std, f.min, f.max, f.norm, f.fraction_zero, f.nonfinite
FROM interval AS i JOIN call AS c ON c.interval = i.id JOIN gradient AS g ON g.call = c.key
LEFT JOIN statistics AS f ON f.key = g.statistics;

CREATE VIEW losses AS
SELECT i.step, u."index" AS update_index, (SELECT text FROM text WHERE id = l.name) AS name,
    l.value, l.call
FROM loss AS l JOIN training_update AS u ON u.key = l.training_update
JOIN interval AS i ON i.id = u.interval;

CREATE VIEW backwards AS
SELECT i.step, u."index" AS update_index, b.id, (SELECT text FROM text WHERE id = b.loss) AS loss,
    (SELECT text FROM text WHERE id = b.kind) AS kind,
    (SELECT text FROM text WHERE id = b.reached) AS reached, b.create_graph
FROM backward AS b JOIN training_update AS u ON u.key = b.training_update
JOIN interval AS i ON i.id = u.interval;

CREATE VIEW optimizers AS
SELECT i.step, u."index" AS update_index, (SELECT text FROM text WHERE id = o.name) AS name,
    (SELECT text FROM text WHERE id = o.type) AS type,
    (SELECT text FROM text WHERE id = o.learning_rates) AS learning_rates
FROM optimizer AS o JOIN training_update AS u ON u.key = o.training_update
JOIN interval AS i ON i.id = u.interval;

CREATE VIEW parameter_updates AS
SELECT i.step, u."index" AS update_index, (SELECT text FROM text WHERE id = p.name) AS name,
    (SELECT text FROM text WHERE id = p.optimizer) AS optimizer,
    (SELECT text FROM text WHERE id = p.shape) AS shape,
    f.norm AS gradient_norm, p.weight_norm, p.update_norm, p.update_ratio
FROM parameter_update AS p JOIN training_update AS u ON u.key = p.training_update
JOIN interval AS i ON i.id = u.interval LEFT JOIN statistics AS f ON f.key = p.statistics;

CREATE VIEW ledger AS
SELECT i.step, (SELECT text FROM text WHERE id = e.network) AS network, e.backward, e.tensors,
    (SELECT text FROM text WHERE id = e.fate) AS fate, e."update" AS update_index
FROM ledger_entry AS e JOIN interval AS i ON i.id = e.interval;
