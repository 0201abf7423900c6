"""A sound three-bus case in every format, to break in tests: bus 1 slack, bus 2 a machine, bus 3 a load of 90 MW."""

import json
from pathlib import Path
from typing import Any

RAW = """0, 100.0, 33, 0, 1, 60.0 / three buses
first title
second title
1,'SLACK', 138.0,3,1,1,1,1.02, 0.0
2,'MACHINE', 138.0,2,1,1,1,1.01,-1.0
3,'LOAD', 138.0,1,1,1,1,1.00,-3.0
0 / END OF BUS DATA, BEGIN LOAD DATA
3,'1',1,1,1,90.0,30.0,0,0,0,0,1
0 / END OF LOAD DATA, BEGIN FIXED SHUNT DATA
3,'1',1,0.0,10.0
0 / END OF FIXED SHUNT DATA, BEGIN GENERATOR DATA
1,'1',50.0,0.0,100.0,-100.0,1.02,0,100.0,0,0.25,0,0,1,1,100.0,200.0,0.0
2,'1',40.0,0.0,100.0,-100.0,1.01,0,100.0,0,0.25,0,0,1,1,100.0,200.0,0.0
0 / END OF GENERATOR DATA, BEGIN BRANCH DATA
1,2,'1',0.01,0.10,0.02,150,150,150,0,0,0,0,1
2,3,'1',0.01,0.10,0.02,150,150,150,0,0,0,0,1
0 / END OF BRANCH DATA, BEGIN TRANSFORMER DATA
1,3,0,'1',1,1,1,0,0,2,'T1',1
0.0,0.08,100.0
1.02,0,10.0,80,80,80,0,0
1.0,0
0 / END OF TRANSFORMER DATA, BEGIN AREA DATA
0 / END OF AREA DATA
0 /
0 /
0 /
0 /
0 /
0 /
0 /
0 /
0 / BEGIN SWITCHED SHUNT DATA
0 / END OF SWITCHED SHUNT DATA
Q
"""

DYR = """1 'GENCLS' 1 5.0 0.0 /
2 'GENROU' 1 8.0 0.03 0.4 0.05 6.5 0.0 1.8 1.7 0.3 0.55 0.25 0.2
   0.1 0.3 /
2 'SEXS' 1 0.1 10.0 100.0 0.05 -5.0 5.0 /
2 'TGOV1' 1 0.05 0.4 1.2 0.0 0.3 1.0 0.0 /
"""

MATPOWER = """function mpc = case3
mpc.version = '2';
mpc.baseMVA = 100;
mpc.bus = [
  1 3 0 0 0 0 1 1.02 0 138 1 1.1 0.9;
  2 2 0 0 0 0 1 1.01 0 138 1 1.1 0.9;
  3 1 90 30 0 10 1 1 0 138 1 1.1 0.9;
];
mpc.gen = [
  1 50 0 100 -100 1.02 100 1 200 0;
  2 40 0 100 -100 1.01 100 1 200 0;
];
mpc.branch = [
  1 2 0.01 0.10 0.02 150 150 150 0 0 1 -360 360;
  2 3 0.01 0.10 0.02 150 150 150 0 0 1 -360 360;
  1 3 0 0.08 0 80 80 80 1.02 10 1 -360 360;
];
"""


def andes_tables() -> dict[str, list[dict[str, Any]]]:
    """The case as ANDES's tables, machines included."""
    generator = {"Vn": 138.0, "pmax": 2.0, "pmin": 0.0, "qmax": 1.0, "qmin": -1.0}
    line = {"Vn1": 138.0, "Vn2": 138.0, "r": 0.01, "x": 0.1, "b": 0.02}
    machine = {"Sn": 100.0, "Vn": 138.0, "D": 0.0, "M": 10.0, "xd1": 0.25}
    return {
        "Bus": [{"idx": k, "name": f"bus {k}", "Vn": 138.0, "v0": 1.0, "a0": 0.0} for k in (1, 2, 3)],
        "PQ": [{"idx": "PQ_1", "bus": 3, "Vn": 138.0, "p0": 0.9, "q0": 0.3}],
        "PV": [{"idx": 2, "bus": 2, "Sn": 100.0, "p0": 0.4, "q0": 0.0, "v0": 1.01, **generator}],
        "Slack": [{"idx": 1, "bus": 1, "Sn": 100.0, "p0": 0.5, "q0": 0.0, "v0": 1.02, "a0": 0.0, **generator}],
        "Shunt": [{"idx": "Shunt_1", "bus": 3, "Vn": 138.0, "Sn": 100.0, "g": 0.0, "b": 0.1}],
        "Line": [
            {"idx": "Line_1", "bus1": 1, "bus2": 2, **line},
            {"idx": "Line_2", "bus1": 2, "bus2": 3, **line},
            {
                "idx": "Line_3",
                "bus1": 1,
                "bus2": 3,
                **line,
                "r": 0.0,
                "x": 0.08,
                "b": 0.0,
                "tap": 1.02,
                "phi": 0.1745329,
            },
        ],
        "GENCLS": [
            {"idx": "GENCLS_1", "bus": 1, "gen": 1, **machine},
            {"idx": "GENCLS_2", "bus": 2, "gen": 2, **machine},
        ],
    }


def write_json(path: Path, tables: dict[str, Any]) -> Path:
    """Write ANDES tables as JSON, a device a line."""
    path.write_text(json.dumps(tables, indent=1), encoding="utf-8")
    return path


def write_xlsx(path: Path, tables: dict[str, list[dict[str, Any]]]) -> Path:
    """Write ANDES tables as a workbook."""
    import pandas as pd

    with pd.ExcelWriter(path, engine="openpyxl") as book:
        for name, rows in tables.items():
            pd.DataFrame(rows).to_excel(book, sheet_name=name, index=False)
    return path


def pandapower_net() -> Any:
    """The case as a pandapower net, with buses 0, 1 and 2."""
    import pandapower as pp

    net = pp.create_empty_network(f_hz=60.0, sn_mva=100.0)
    for k in (1, 2, 3):
        pp.create_bus(net, 138.0, name=f"bus {k}")
    ohm = 138.0**2 / 100
    for ends in ((0, 1), (1, 2)):
        pp.create_line_from_parameters(
            net,
            *ends,
            1.0,
            0.01 * ohm,
            0.1 * ohm,
            0.02 / ohm / (2 * 3.141592653589793 * 60) * 1e9,
            100 / 138.0 / 3**0.5,
        )
    pp.create_transformer_from_parameters(
        net,
        0,
        2,
        80.0,
        1.02 * 138.0,
        138.0,
        vkr_percent=0.0,
        vk_percent=6.4,
        pfe_kw=0.0,
        i0_percent=0.0,
        shift_degree=10.0,
    )
    pp.create_load(net, 2, 90.0, 30.0)
    pp.create_shunt(net, 2, q_mvar=-10.0)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    pp.create_gen(net, 1, p_mw=40.0, vm_pu=1.01, min_q_mvar=-100.0, max_q_mvar=100.0, min_p_mw=0.0, max_p_mw=200.0)
    return net
